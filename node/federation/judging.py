"""What one community's answer is worth: what of it may be shown, what the asker is told, and the word for it. Pure.

It is judged when it arrives, once: pages, commands and the SOAP answer show the same (ITI TF-1: 18; ITI TF-2: 3.38).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from node.outcome_words import Outcome, Word
from registry.errors import ErrorCode, RegistryError, Severity
from registry.patients.matching import Bars, Verdict, match
from registry.patients.profile import profile

if TYPE_CHECKING:
    from node.federation.answered import Answered
    from registry.ebrim.reader import RemoteObject

ANOTHER_PERSON: Final = "sent data of another person; withheld"
_ANSWERED_BY_TAKING: Final = frozenset({"ITI-52", "ITI-53"})
_OVERLOADED: Final = frozenset(
    {
        ErrorCode.REGISTRY_BUSY,
        ErrorCode.REPOSITORY_BUSY,
        ErrorCode.REGISTRY_NOT_AVAILABLE,
        ErrorCode.REGISTRY_OUT_OF_RESOURCES,
        ErrorCode.REPOSITORY_OUT_OF_RESOURCES,
    }
)


def judge(answered: Answered) -> None:
    """Fill in `accepted`, `errors` and `outcome` of a call that has ended."""
    if answered.error is not None:
        answered.errors = (answered.error,)
        _end(answered, answered.word or Word.PROTOCOL, reason=answered.reason, code=_fault_code(answered))
    elif answered.call.transaction in _ANSWERED_BY_TAKING:
        _end(answered, Word.NONE)
    elif answered.call.query is not None:
        _judge_query(answered)
    elif answered.call.asked is not None:
        _judge_asked(answered)
    elif answered.call.revokes:
        taken = answered.acknowledged in ("CA", "AA")
        _end(answered, Word.NONE if taken else Word.REFUSED, code="" if taken else answered.acknowledged)
    elif answered.call.sought is not None:
        # Whoever is named is asked, and judged by what they say themselves.
        _end(answered, Word.FOUND if answered.located else Word.NONE, count=len(answered.located))
    elif answered.call.pushed is not None:
        answered.errors = answered.response.errors
        _judge_what_is_left(answered, int(answered.response.status.endswith(":Success")), dropped=0)
    elif answered.call.updates is not None:
        _judge_update(answered)
    else:
        _judge_retrieve(answered)


def _judge_query(answered: Answered) -> None:
    """Objects without a home, and of another community, are dropped one by one.

    One object of another patient costs the whole answer: whoever mixes two people up may have done so in the rest too.
    """
    home, name = answered.community.home, answered.community.name
    accepted, homeless, foreign = [], 0, 0
    asked = answered.call.named
    for item in answered.query.objects:
        if not _of_patient(asked, item):
            answered.errors = (RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, f"{name} {ANOTHER_PERSON}", home),)
            _end(answered, Word.PROTOCOL, reason=ANOTHER_PERSON)
            return
        if item.home is None and item.kind != "association":
            homeless += 1
        elif item.home and item.home != home:
            foreign += 1
        else:
            accepted.append(item.xml)
    errors = [
        RegistryError(fault.code, fault.context, home, fault.severity)
        for fault in answered.query.head.errors
        if fault.code != ErrorCode.UNKNOWN_PATIENT_ID
    ]
    if homeless:
        what = f"{name} returned {homeless} objects without homeCommunityId; they were dropped"
        errors.append(RegistryError(ErrorCode.MISSING_HOME_COMMUNITY_ID, what, home))
    if foreign:
        what = f"{name} returned {foreign} objects of another community; they were dropped"
        errors.append(RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, what, home))
    answered.accepted, answered.errors = tuple(accepted), tuple(errors)
    _judge_what_is_left(answered, len(accepted), dropped=homeless + foreign)


def _judge_asked(answered: Answered) -> None:
    """ITI-55. Of a person only who is above the bar of an automatic link here is believed to be the one."""
    person, found = answered.call.asked.person if answered.call.asked else None, answered.discovered
    assert found is not None and person is not None  # noqa: S101, PT018  an answer was read
    if found.code not in ("OK", "NF"):
        busy = "ResponderBusy" in found.failures
        reason = "says that it is overloaded" if busy else "refused"
        code = found.failures[0] if found.failures else found.code
        answered.errors = (
            RegistryError(
                ErrorCode.UNAVAILABLE_COMMUNITY,
                f"{answered.community.name} could not say whether it knows the patient ({code})",
                answered.community.home,
            ),
        )
        _end(answered, Word.UNREACHABLE if busy else Word.REFUSED, reason=reason, code=code)
        return
    own = answered.community.home.removeprefix("urn:oid:")
    asked = profile(person)
    subjects = [one for one in found.subjects if one.community in ("", own)]
    verdicts = [match(asked, profile(one.person), Bars()).verdict for one in subjects]
    sure = [one for one, verdict in zip(subjects, verdicts, strict=True) if verdict is Verdict.LINK]
    if Verdict.NONE in verdicts:
        home, name = answered.community.home, answered.community.name
        answered.errors = (RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, f"{name} {ANOTHER_PERSON}", home),)
        _end(answered, Word.PROTOCOL, reason=ANOTHER_PERSON)
    elif len(sure) == 1 and len(subjects) == 1:
        answered.correlated = sure[0].id.cx
        _end(answered, Word.FOUND, count=1)
    elif subjects or found.requested:
        wanted = f"; it asks for {', '.join(found.requested)}" if found.requested else ""
        _end(answered, Word.NO_PATIENT, reason=f"may know the patient, which is not certain{wanted}"[:200])
    else:
        _end(answered, Word.NO_PATIENT)


def _judge_update(answered: Answered) -> None:
    """ITI-92 is done or refused. Anything but Success is a refusal, also where it gives no reason."""
    home, head = answered.community.home, answered.response
    errors = [replace(fault, location=home) for fault in head.errors]
    status = head.status.rpartition(":")[2]
    if status != "Success" and not any(fault.severity is Severity.ERROR for fault in errors):
        what = f"{answered.community.name} answered {status or 'no status'} and no reason"
        errors.append(RegistryError(ErrorCode.REGISTRY_ERROR, what, home))
    answered.errors = tuple(errors)
    _judge_what_is_left(answered, 0, dropped=0)


def _judge_retrieve(answered: Answered) -> None:
    answered.errors = answered.retrieve.head.errors
    _judge_what_is_left(answered, len(answered.retrieve.documents), dropped=0)


def _judge_what_is_left(answered: Answered, count: int, *, dropped: int) -> None:
    faults = [fault for fault in answered.errors if fault.severity is Severity.ERROR]
    if count:
        _end(answered, Word.FOUND, count=count, incomplete=bool(faults), code=faults[0].code if faults else "")
    elif dropped:
        _end(answered, Word.PROTOCOL, reason="sent nothing but objects that do not belong here; withheld")
    elif faults:
        busy = faults[0].code in _OVERLOADED
        reason = "says that it is overloaded" if busy else "refused"
        _end(answered, Word.UNREACHABLE if busy else Word.REFUSED, reason=reason, code=faults[0].code)
    elif any(fault.code == ErrorCode.UNKNOWN_PATIENT_ID for fault in answered.query.head.errors):
        _end(answered, Word.NO_PATIENT, code=ErrorCode.UNKNOWN_PATIENT_ID)
    else:
        _end(answered, Word.NONE)


def _of_patient(asked: str, item: RemoteObject) -> bool:
    """Whether an object is of the patient asked for; "" where none was."""
    return not asked or item.kind == "association" or not item.patient_id or item.patient_id == asked


def _fault_code(answered: Answered) -> str:
    return answered.subcodes[-1] if answered.subcodes else ""


def _end(
    answered: Answered, word: Word, *, count: int = 0, reason: str = "", code: str = "", incomplete: bool = False
) -> None:
    answered.outcome = Outcome(
        home=answered.community.home,
        name=answered.community.name,
        word=word,
        count=count,
        seconds=answered.seconds,
        reason=reason,
        code=code,
        incomplete=incomplete,
    )
