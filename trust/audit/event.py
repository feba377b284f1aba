"""An audit event as plain values, before it takes the DICOM form (ITI TF-2: 3.20, DICOM PS3.15 A.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum


class EventId(Enum):
    """EventID, code system DCM."""

    APPLICATION_ACTIVITY = ("110100", "Application Activity")
    AUDIT_LOG_USED = ("110101", "Audit Log Used")
    EXPORT = ("110106", "Export")
    IMPORT = ("110107", "Import")
    PATIENT_RECORD = ("110110", "Patient Record")
    QUERY = ("110112", "Query")
    SECURITY_ALERT = ("110113", "Security Alert")
    USER_AUTHENTICATION = ("110114", "User Authentication")


class Action(StrEnum):
    """EventActionCode."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(IntEnum):
    """EventOutcomeIndicator."""

    SUCCESS = 0
    MINOR = 4
    SERIOUS = 8
    MAJOR = 12


class Kind(IntEnum):
    """Kind of a ledger leaf (audit-ledger, 2.3). 1 and 2 carry no AuditMessage, 3 to 7 exactly one."""

    REQUEST_SENT = 1
    REQUEST_RECEIVED = 2
    RESPONSE_SENT = 3
    RESPONSE_RECEIVED = 4
    LOCAL = 5
    EXCHANGE_FAILED = 6
    SECURITY = 7
    ANCHOR = 8
    KEY = 9
    RECOVERY = 10
    PEER_CHECKPOINT = 11
    PADDING = 12


@dataclass(frozen=True, slots=True)
class Coded:
    """A CodedValueType: code, code system name, text."""

    code: str
    system: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One ActiveParticipant. `role` is None for a human without an asserted role."""

    user_id: str
    requestor: bool
    role: Coded | None = None
    alternative_user_id: str = ""
    user_name: str = ""
    address: str = ""
    address_type: str = ""  # 1 host name, 2 IP address, 5 URI; "" when there is no address


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedObject:
    """One ParticipantObjectIdentification. `query` and detail values are raw text; the codec base64-encodes them."""

    id: str
    type_code: str  # 1 person, 2 system, 3 organization, 4 other
    role: str = ""  # ParticipantObjectTypeCodeRole
    id_type: Coded
    life_cycle: str = ""
    name: str = ""
    query: bytes = b""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """What happened: one AuditMessage. Times are UTC, `YYYY-MM-DDThh:mm:ss.mmmZ`."""

    id: EventId
    action: Action
    outcome: Outcome
    time: str
    type: Coded | None  # EventTypeCode: (transaction, "IHE Transactions", name) or a DCM code; some events have none
    participants: tuple[Participant, ...]
    objects: tuple[AuditedObject, ...] = ()
    purposes: tuple[Coded, ...] = ()  # PurposeOfUse, as the user's assertion says
    outcome_text: str = ""
    patient: str = ""  # CX of the one patient this event is about, "" for none
    incident: str = ""  # the id that links answer, log and record


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """What a caller hands to the ledger; the sequencer adds index, subject tag, counter, salt and leaf.

    `payload` is the payload digest of audit-ledger 2.8 (32 bytes) for kinds 1 to 4 and 6, with `cid` the
    wsa:MessageID of the request and `leg` "q" or "s"; they are empty for every other kind. `receipt` is what the other
    side proved about its own log: it is kept beside the record of kind 2 or 4, which commits to its hash.
    """

    kind: Kind
    time: str
    event: AuditEvent | None = None
    subject: str = ""  # "<assigning authority OID>|<id>"
    peer: str = ""  # homeCommunityId of the other side
    cid: str = ""
    leg: str = ""
    payload: bytes = b""
    receipt: bytes = b""
    note: dict[str, str] = field(default_factory=dict)  # further plain facts
