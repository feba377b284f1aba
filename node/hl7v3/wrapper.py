"""The transmission wrapper of HL7 v3 messages, their control act, and acknowledgements (MCCI, QUQI, MFMI). Pure.

read_wrapper(root)         who sends what, to be acknowledged how; the controlActProcess is `Wrapper.act`
write_message(...)         a whole message around finished parts
acknowledgement(...)       its acknowledgement, between sender and control act
accept_acknowledgement()   a whole MCCI_IN000002UV01
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from node.hl7v3.datatypes import V3, XSI, Ii, attribute, child, read_ii, stamp, write_ii
from node.soap.writing import escape

INTERACTIONS: Final = "2.16.840.1.113883.1.6"
ACKNOWLEDGEMENT_DETAILS: Final = "2.16.840.1.113883.5.1100"
ERROR_CONDITIONS: Final = "2.16.840.1.113883.12.357"
ACCEPT: Final = "MCCI_IN000002UV01"
NO_ID: Final = Ii("")


class BadMessage(Exception):  # noqa: N818  what it is
    """An HL7 v3 message that lacks what its transaction needs; the text names it and repeats no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A sender or receiver: the id of its device, the OID of its organisation (XCPD: homeCommunityId), its address."""

    device: Ii
    organization: str = ""
    telecom: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """One message; `act` is its controlActProcess, None where it has none. `respond_to` is a URL or ""."""

    interaction: str
    id: Ii
    sender: Party
    receiver: Party
    processing: str = "P"
    respond_to: str = ""
    acknowledged: str = ""  # typeCode of the acknowledgement: AA, AE, AR, CA, CE, CR, or ""
    target: Ii = NO_ID  # id of the message that is acknowledged
    act: etree._Element | None = None


def read_wrapper(root: etree._Element) -> Wrapper:
    """Read the wrapper of any message.

    Raises:
        BadMessage: it has no id, and so cannot be acknowledged.
    """
    id_ = read_ii(child(root, "id"))
    if not id_.root:
        raise BadMessage("the message has no id")
    acknowledged = child(root, "acknowledgement")
    return Wrapper(
        interaction=etree.QName(root).localname,
        id=id_,
        sender=_party(child(root, "sender", "device")),
        receiver=_party(child(root, "receiver", "device")),
        processing=attribute(child(root, "processingCode"), "code") or "P",
        respond_to=attribute(child(root, "respondTo", "telecom"), "value"),
        acknowledged=attribute(child(acknowledged, "typeCode"), "code"),
        target=read_ii(child(acknowledged, "targetMessage", "id")),
        act=child(root, "controlActProcess"),
    )


def _party(device: etree._Element | None) -> Party:
    return Party(
        device=read_ii(child(device, "id")),
        organization=read_ii(child(device, "asAgent", "representedOrganization", "id")).root,
        telecom=attribute(child(device, "telecom"), "value"),
    )


def write_message(  # noqa: PLR0913  one fact each
    interaction: str,
    *,
    id_: Ii,
    now: datetime,
    sender: Party,
    receiver: Party,
    accept: str,
    acknowledgement: str = "",
    act: str = "",
    processing: str = "P",
    respond_to: str = "",
) -> bytes:
    """Write a whole message.

    Args:
        interaction: its name, e.g. PRPA_IN201305UV02; also its root element.
        id_: its id.
        now: its creationTime.
        sender: this node.
        receiver: whom it is for.
        accept: acceptAckCode: AL for a request, NE for an answer.
        acknowledgement: what `acknowledgement` wrote.
        act: the finished controlActProcess.
        processing: processingCode of the request that is answered.
        respond_to: URL for the deferred answer; "" writes none.
    """
    return (
        f'<{interaction} xmlns="{V3}" xmlns:xsi="{XSI}" ITSVersion="XML_1.0">{write_ii("id", id_)}'
        f'<creationTime value="{stamp(now)}"/><interactionId root="{INTERACTIONS}" extension="{interaction}"/>'
        f'<processingCode code="{escape(processing)}"/><processingModeCode code="T"/><acceptAckCode code="{accept}"/>'
        f'<receiver typeCode="RCV">{_device(receiver)}</receiver>{_respond_to(respond_to)}'
        f'<sender typeCode="SND">{_device(sender)}</sender>'
        f"{acknowledgement}{act}</{interaction}>"
    ).encode()


def _respond_to(url: str) -> str:
    if not url:
        return ""
    return (
        f'<respondTo typeCode="RSP"><telecom value="{escape(url)}"/>'
        '<entityRsp xsi:nil="true" classCode="ENT" determinerCode="INSTANCE" nullFlavor="NA"/></respondTo>'
    )


def _device(party: Party) -> str:
    telecom = f'<telecom value="{escape(party.telecom)}"/>' if party.telecom else ""
    agent = ""
    if party.organization:
        agent = (
            '<asAgent classCode="AGNT"><representedOrganization classCode="ORG" determinerCode="INSTANCE">'
            f"{write_ii('id', Ii(party.organization))}</representedOrganization></asAgent>"
        )
    return f'<device classCode="DEV" determinerCode="INSTANCE">{write_ii("id", party.device)}{telecom}{agent}</device>'


def control_act(trigger: str, content: str) -> str:
    """A controlActProcess around finished elements; `trigger` is its event, e.g. PRPA_TE201305UV02."""
    return (
        f'<controlActProcess classCode="CACT" moodCode="EVN"><code code="{trigger}" codeSystem="{INTERACTIONS}"/>'
        f"{content}</controlActProcess>"
    )


def acknowledgement(
    type_code: str, target: Ii, *, detail: str = "", code: str = "", location: str = "", more: str = ""
) -> str:
    """The acknowledgement of the message `target`.

    Args:
        type_code: AA, AE, AR; CA, CE, CR in an accept acknowledgement.
        target: id of the message that is answered.
        detail: text of an acknowledgementDetail of type E; "" writes none.
        code: its code, of HL7's AcknowledgementDetailCode.
        location: XPath of what is wrong.
        more: further details that `error_detail` wrote.
    """
    written = error_detail(detail, code=code, location=location) if detail else ""
    return (
        f'<acknowledgement><typeCode code="{type_code}"/><targetMessage>{write_ii("id", target)}</targetMessage>'
        f"{written}{more}</acknowledgement>"
    )


def error_detail(text: str, *, code: str = "", location: str = "") -> str:
    """One acknowledgementDetail of type E; a code of digits is of HL7 table 0357, as 204, Unknown Key Identifier."""
    system = ERROR_CONDITIONS if code.isdigit() else ACKNOWLEDGEMENT_DETAILS
    coded = f'<code code="{escape(code)}" codeSystem="{system}"/>' if code else ""
    place = f"<location>{escape(location)}</location>" if location else ""
    return f'<acknowledgementDetail typeCode="E">{coded}<text>{escape(text)}</text>{place}</acknowledgementDetail>'


def accept_acknowledgement(request: Wrapper, *, id_: Ii, now: datetime, sender: Party, acknowledged: str) -> bytes:
    """A whole MCCI_IN000002UV01 that answers `request`; `acknowledged` is what `acknowledgement` wrote."""
    return write_message(
        ACCEPT,
        id_=id_,
        now=now,
        sender=sender,
        receiver=request.sender,
        accept="NE",
        acknowledgement=acknowledged,
        processing=request.processing,
    )
