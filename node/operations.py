"""THE TABLE of what the command line can have the node do; the same functions run in the node and without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from node.administration import (
    accounts,
    assertions,
    audit_log,
    clients,
    consents,
    documents,
    federations,
    findings,
    housekeeping,
    inbox,
    locations,
    matching,
    mcsd,
    packages,
    patients,
    peers,
    policies,
    pushes,
    state,
    subscriptions,
    trials,
)
from node.administration.orders import Order, Result
from node.faults import Faults, misused, refused
from registry.document_registry import UnknownDocument
from registry.errors import XdsErrors
from registry.patients.identity import PatientIdentityError, Refusal
from trust.errors import BadCertificate, LedgerBroken, LedgerBusy, StorageFailed, TrustError

if TYPE_CHECKING:
    from node.services import Services

Operation = Callable[[Order], Awaitable[Result]]

OPERATIONS: Final[Mapping[str, Operation]] = {
    "init": clients.made,
    "status": state.status,
    "patient add": patients.add,
    "patient list": patients.find_all,
    "patient show": patients.show,
    "patient merge": patients.merge,
    "patient unmerge": patients.unmerge,
    "patient move": patients.move,
    "patient unmove": patients.unmove,
    "patient locate": locations.locate,
    "patient search": matching.search,
    "patient match": matching.match,
    "patient link": matching.link,
    "patient unlink": matching.unlink,
    "patient review list": matching.review_list,
    "patient review accept": matching.link,
    "patient review reject": matching.unlink,
    "push": pushes.push,
    "inbox list": inbox.find_all,
    "inbox show": inbox.show,
    "inbox accept": inbox.accept,
    "inbox reject": inbox.reject,
    "document deprecate": documents.deprecate,
    "document quarantine": documents.quarantine,
    "document erase": documents.erase,
    "subscription list": subscriptions.find_all,
    "subscription add": subscriptions.add,
    "subscription remove": subscriptions.remove,
    "export begin": packages.export_begin,
    "export set": packages.export_set,
    "import patient": packages.import_patient,
    "import set": packages.import_set,
    "import end": packages.import_end,
    "hold set": housekeeping.hold_set,
    "hold clear": housekeeping.hold_clear,
    "hold list": housekeeping.hold_list,
    "retention list": housekeeping.retention_list,
    "retention apply": housekeeping.retention_apply,
    "client add": clients.add,
    "client list": clients.find_all,
    "client revoke": clients.revoke,
    "peer add": peers.add,
    "peer list": peers.find_all,
    "peer show": peers.show,
    "peer test": trials.test,
    "peer remove": peers.remove,
    "peer decide": peers.decide,
    "federation create": federations.create,
    "federation invite": federations.invite,
    "federation invitation": federations.invitation,
    "federation confirm": federations.confirm,
    "federation joined": federations.joined,
    "federation mismatch": federations.mismatch,
    "federation list": federations.find_all,
    "federation leave": federations.leave,
    "federation remove": federations.remove,
    "federation revoke": federations.revoke,
    "federation sign": federations.sign,
    "federation publish": federations.publish,
    "federation export": mcsd.export,
    "federation import": mcsd.take,
    "consent add": consents.add,
    "consent list": consents.find_all,
    "consent show": consents.show,
    "consent withdraw": consents.withdraw,
    "policy explain": policies.explain,
    "policy review list": policies.review_list,
    "policy review close": policies.review_close,
    "assertion issue": assertions.issue,
    "assertion test": assertions.test,
    "user add": accounts.add,
    "user list": accounts.find_all,
    "user certificate": accounts.certificate,
    "user sign-out": accounts.sign_out,
    "user close": accounts.close,
    "audit used": audit_log.used,
    "audit erase": audit_log.erase,
    "audit findings": findings.find_all,
    "audit findings show": findings.show,
    "audit findings close": findings.decide,
    "audit findings look": findings.look,
}

# What to do about an error of the lower packages: its code here, and the next step.
_NEXT_STEPS: Final[tuple[tuple[type[Exception], str, str], ...]] = (
    (BadCertificate, "certificate", "have a new certificate issued, or correct the file"),
    (LedgerBroken, "ledger.broken", "stop the node, keep its folder as it is, and run: xdsnode audit verify"),
    (LedgerBusy, "node.busy", "try again in a moment"),
    (StorageFailed, "storage.failed", "look at disk space and the disk's health: xdsnode check"),
    (TrustError, "trust", "correct what the cause names"),
    (XdsErrors, "registry", "correct what the cause names"),
)
_PATIENT_STEPS: Final = {
    Refusal.NOT_AN_IDENTIFIER: "write ID, or ID^^^&OID&ISO in quotes",
    Refusal.OTHER_AUTHORITY: "use an identifier of this node's assigning authority: xdsnode endpoints",
    Refusal.UNKNOWN: "make it known first: xdsnode patient add ID",
    Refusal.UNKNOWN_SURVIVOR: "make it known first: xdsnode patient add ID",
    Refusal.UNKNOWN_SUBSUMED: "make it known first: xdsnode patient add ID",
    Refusal.SURVIVOR_SUBSUMED: "name the patient that it was merged into: xdsnode patient show ID",
}


async def execute(services: Services, command: str, arguments: Mapping[str, Any], operator: str) -> Result:
    """Carry out one operation.

    Raises:
        Faults: it is refused; nothing of it took effect.
    """
    operation = OPERATIONS.get(command)
    if operation is None:
        raise misused("command.unknown", command, "this node has no such command", "xdsnode --help")
    try:
        return await operation(Order(services=services, command=command, arguments=arguments, operator=operator))
    except UnknownDocument:
        cause = "no document with this uniqueId is registered at this institution"
        step = "look for its uniqueId: xdsnode find --patient ID"
        raise refused("document.unknown", str(arguments.get("unique_id")), cause, step) from None
    except PatientIdentityError as problem:
        step = _PATIENT_STEPS.get(problem.reason, "look at both patients: xdsnode patient show ID")
        raise refused(f"patient.{problem.reason.name.lower().replace('_', '-')}", command, str(problem), step) from None
    except tuple(kind for kind, _, _ in _NEXT_STEPS) as problem:
        raise _fault(command, problem) from problem


def _fault(command: str, problem: Exception) -> Faults:
    code, step = next((code, step) for kind, code, step in _NEXT_STEPS if isinstance(problem, kind))
    if isinstance(problem, XdsErrors):
        code = str(problem.errors[0].code)
    return refused(code, command, str(problem) or type(problem).__name__, step)
