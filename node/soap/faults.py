"""SOAP 1.2 faults: as an exception inside the node, as bytes on the wire (ITI TF-2: Appendix V, xds-wire 2.4)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from node.soap.names import SOAP12, SOAP_FAULT_ACTION, WSA, WSA_FAULT_ACTION, WSRF_FAULT_ACTION, WSSE
from node.soap.writing import escape, headers


class FaultCode(StrEnum):
    """Local name of the fault code, in the SOAP 1.2 namespace."""

    SENDER = "Sender"
    RECEIVER = "Receiver"
    VERSION_MISMATCH = "VersionMismatch"
    MUST_UNDERSTAND = "MustUnderstand"
    DATA_ENCODING_UNKNOWN = "DataEncodingUnknown"


class SoapFault(Exception):  # noqa: N818  the standard's word
    """A message that cannot be processed; it ends as a fault, never as an IHE error.

    Attributes:
        subcodes: QNames with the prefix `wsa` or `wsse`, outermost first.
        status: HTTP status; 400 for Sender and 500 otherwise unless a limit has a status of its own.
        message_id: MessageID of the message, as far as it was read, for RelatesTo.
        not_understood: (namespace, local name) of headers, for MustUnderstand.
        detail: why the user's assertion is refused: for the record, never for the answer.
        element: a finished element for soap:Detail, where a profile names one (WS-BaseNotification).
    """

    def __init__(
        self,
        code: FaultCode,
        reason: str,
        subcodes: Sequence[str] = (),
        *,
        status: int = 0,
        not_understood: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.code = code
        self.reason = reason
        self.subcodes = tuple(subcodes)
        self.status = status or (400 if code is FaultCode.SENDER else 500)
        self.not_understood = tuple(not_understood)
        self.message_id = ""
        self.detail = ""
        self.element = ""
        super().__init__(reason)

    @property
    def action(self) -> str:
        """wsa:Action of the fault message."""
        if self.element:
            return WSRF_FAULT_ACTION
        wsa = any(subcode.startswith("wsa:") for subcode in self.subcodes)
        return WSA_FAULT_ACTION if wsa else SOAP_FAULT_ACTION


def sender(reason: str, *subcodes: str, status: int = 0) -> SoapFault:
    """The message is wrong."""
    return SoapFault(FaultCode.SENDER, reason, subcodes, status=status)


def receiver(reason: str, *subcodes: str, status: int = 0) -> SoapFault:
    """This node failed."""
    return SoapFault(FaultCode.RECEIVER, reason, subcodes, status=status)


def too_large(reason: str) -> SoapFault:
    """A limit of size or number is exceeded."""
    return sender(reason, status=413)


def invalid_header(reason: str, detail: str) -> SoapFault:
    """A WS-Addressing header is wrong; `detail` is the inner subcode, for example `InvalidCardinality`."""
    return sender(reason, "wsa:InvalidAddressingHeader", f"wsa:{detail}")


def elsewhere() -> SoapFault:
    """The answer is asked to go where none goes: what is not an endpoint of the community that asks."""
    return invalid_header("answers go back on the same connection", "OnlyAnonymousAddressSupported")


def action_not_supported(action: str) -> SoapFault:
    """No transaction has this action."""
    return sender(f"the action {_short(action)} is not supported here", "wsa:ActionNotSupported")


def action_mismatch(action: str, root: str) -> SoapFault:
    """wsa:Action and the root element of the body belong to different transactions."""
    return invalid_header(f"the action {_short(action)} does not fit a body of {_short(root)}", "ActionMismatch")


def duplicate_message_id() -> SoapFault:
    """This MessageID was received a short time ago."""
    return invalid_header("this MessageID was already used", "DuplicateMessageID")


def not_authenticated() -> SoapFault:
    """The caller is not known or may not do this; the same words for both."""
    return SoapFault(FaultCode.SENDER, "access is refused", ("wsse:FailedAuthentication",), status=403)


def assertion_refused(subcode: str, detail: str) -> SoapFault:
    """The user's assertion is not accepted; the sender learns the kind of fault only (federation-wire 4.7)."""
    fault = sender("the assertion is not accepted", subcode)
    fault.detail = detail
    return fault


def busy() -> SoapFault:
    """Nothing can be recorded at the moment, so nothing is answered."""
    return receiver("the node is busy; try again in a moment", "wsa:EndpointUnavailable", status=503)


def write_fault(fault: SoapFault, *, relates_to: str = "", message_id: str = "", incident: str = "") -> bytes:
    """Write the envelope of a fault.

    Args:
        fault: what went wrong.
        relates_to: MessageID of the request, "" when it is not known.
        message_id: MessageID of the fault itself, optional.
        incident: id that links the answer to log and audit record.
    """
    reason = f"{fault.reason} (incident {incident})" if incident else fault.reason
    subcodes = "".join(f"<s:Subcode><s:Value>{subcode}</s:Value>" for subcode in fault.subcodes)
    blocks = "".join(
        f'<s:NotUnderstood xmlns:n="{escape(namespace)}" qname="n:{escape(local)}"/>'
        for namespace, local in fault.not_understood
    )
    if fault.code is FaultCode.VERSION_MISMATCH:
        blocks += '<s:Upgrade><s:SupportedEnvelope qname="s:Envelope"/></s:Upgrade>'
    detail = f"<s:Detail>{fault.element}</s:Detail>" if fault.element else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{SOAP12}" xmlns:wsa="{WSA}" xmlns:wsse="{WSSE}">'
        f"<s:Header>{headers(fault.action, relates_to=relates_to, message_id=message_id)}{blocks}</s:Header>"
        f"<s:Body><s:Fault><s:Code><s:Value>s:{fault.code}</s:Value>{subcodes}{'</s:Subcode>' * len(fault.subcodes)}"
        f'</s:Code><s:Reason><s:Text xml:lang="en">{escape(reason)}</s:Text></s:Reason>'
        f"{detail}</s:Fault></s:Body></s:Envelope>"
    ).encode()


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."
