"""May this caller see this document? One pure function, and the reasons of its answer.

The order, which `policy explain` shows and `trust/consent/README.md` describes:

1. clearance: what lies above the clearance of a peer is denied, whatever anybody decided.
2. author: the institution that wrote a document sees it.
3. denial: a provision in force that denies wins over every permit. One that cannot be judged, or a consent without
   provisions, denies where the jurisdiction says so.
4. permit: a provision in force that permits; sensitive documents only where it names their category or the document.
5. default: what the jurisdiction says where the patient said nothing.
6. emergency: what 3 to 5 denied is permitted to somebody who may break the glass and says why, as far as it breaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from trust.consent.matching import has_role, institutions, speaks_of
from trust.consent.policy import (
    CONFIDENTIALITY,
    LEVELS,
    Capacity,
    Consent,
    Default,
    Effect,
    Jurisdiction,
    Pair,
    Provision,
    ResourceLabels,
)
from trust.consent.words import is_emergency, kinds_of, purpose, word_of_purpose
from trust.identity.caller import Caller, Role

EVERYTHING: Final = "*"  # the test community of development nodes: conformance data carries policy codes
_PATIENT: Final = "the patient, with a consent: xdsnode consent add"
ADMINISTRATOR: Final = "this institution's administrator, in [consent] of node.toml"
_WHO: Final = {
    Capacity.PATIENT: "the patient, at this institution: xdsnode consent",
    Capacity.GUARDIAN: "the guardian who decided it, or the patient when of age: xdsnode consent",
    Capacity.PROFESSIONAL: "the professional who decided it: xdsnode consent",
    Capacity.COURT: "the court that decided it",
}


class Step(IntEnum):
    """Where in the order a reason arose."""

    CLEARANCE = 1
    AUTHOR = 2
    DENIAL = 3
    PERMIT = 4
    DEFAULT = 5
    EMERGENCY = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, in plain words; who can change it; `rule` is `consent/version#provision` where a consent decided."""

    step: Step
    text: str
    who: str = ""
    rule: str = ""
    breakable: bool = True

    def line(self) -> str:
        """One line, for records."""
        return f"{int(self.step)} {self.text}" + (f" [{self.rule}]" if self.rule else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer and what it rests on. `broken`: permitted only because the glass was broken."""

    permit: bool
    reasons: tuple[Reason, ...]
    broken: bool = False


def within_clearance(caller: Caller, confidentiality: Sequence[Pair], rules: Jurisdiction | None = None) -> bool:
    """Whether a document with these codes lies within what `caller` may ever receive.

    Of a peer every code must be known: levels at or below its clearance, at least one, and beside them only marks of a
    sensitive category, which consent decides about. No code at all is not "normal".
    """
    if caller.role is not Role.PEER or caller.clearance == EVERYTHING:
        return True
    highest = LEVELS.get(caller.clearance, -1)
    levels = 0
    for one in confidentiality:
        if one[1] == CONFIDENTIALITY and LEVELS.get(one[0], len(LEVELS)) <= highest:
            levels += 1
        elif rules is None or one not in rules.codes:
            return False
    return levels > 0


def decide(
    caller: Caller,
    labels: ResourceLabels,
    consents: Sequence[Consent],
    rules: Jurisdiction,
    now: datetime,
    *,
    unreviewed: int = 0,
) -> Decision:
    """Decide about one document.

    Args:
        caller: who asks, with what is known of the person behind it.
        labels: the document.
        consents: of the document's own patient; those not in force are passed over.
        rules: the jurisdiction.
        now: the instant of the question.
        unreviewed: accesses in an emergency to other patients by this person that nobody has reviewed yet.
    """
    if not within_clearance(caller, labels.confidentiality, rules):
        text = f"above the clearance of {caller.name} ({caller.clearance}), or of unknown confidentiality"
        who = "this institution's administrator: xdsnode peer add --clearance"
        return Decision(permit=False, reasons=(Reason(step=Step.CLEARANCE, text=text, who=who, breakable=False),))
    if institutions(caller, rules) & {*labels.author_institutions}:
        return Decision(permit=True, reasons=(Reason(step=Step.AUTHOR, text="its author's institution asks"),))
    denials, permits = _provisions(caller, labels, [one for one in consents if one.in_force(now)], rules)
    if not denials:
        needed = _needed(labels, rules)
        denials = _lacking(caller, needed, permits, rules)
        if not denials:
            return Decision(permit=True, reasons=tuple(reason for reason, _ in permits) or (_by_default(rules),))
    if is_emergency(purpose(caller.purpose)):
        return _emergency(caller, labels, denials, rules, unreviewed)
    return Decision(permit=False, reasons=tuple(denials))


def _provisions(
    caller: Caller, labels: ResourceLabels, consents: Sequence[Consent], rules: Jurisdiction
) -> tuple[list[Reason], list[tuple[Reason, Provision]]]:
    denials: list[Reason] = []
    permits: list[tuple[Reason, Provision]] = []
    for consent in consents:
        who = _WHO[consent.capacity]
        if not consent.provisions and rules.unknown_denies:
            text = "a consent in force says nothing, which denies here"
            denials.append(Reason(step=Step.DENIAL, text=text, who=who, rule=f"{consent.id}/{consent.version}"))
        for number, provision in enumerate(consent.provisions, 1):
            speaks = speaks_of(provision, caller, labels, rules)
            rule = f"{consent.id}/{consent.version}#{number}"
            if provision.effect is Effect.PERMIT and speaks:
                text = f"permitted by the {consent.capacity}"
                permits.append((Reason(step=Step.PERMIT, text=text, who=who, rule=rule), provision))
            elif provision.effect is Effect.DENY and (speaks or (speaks is None and rules.unknown_denies)):
                text = f"denied by the {consent.capacity}"
                if speaks is None:
                    text += ", for all that can be known of who asks and of the document"
                denials.append(Reason(step=Step.DENIAL, text=text, who=who, rule=rule, breakable=provision.breakable))
    return denials, permits


def _needed(labels: ResourceLabels, rules: Jurisdiction) -> frozenset[str]:
    """The sensitive categories of this document that somebody must have permitted by name."""
    if rules.default is Default.OPT_OUT:
        return frozenset()
    return rules.categories((*labels.confidentiality, *labels.kinds)) & rules.sensitive


def _lacking(
    caller: Caller, needed: frozenset[str], permits: Sequence[tuple[Reason, Provision]], rules: Jurisdiction
) -> list[Reason]:
    """What is missing for a permit: nothing when the list is empty."""
    covered = frozenset(category for _, provision in permits for category in provision.categories)
    if any(provision.documents for _, provision in permits):
        covered |= needed
    if missing := sorted(needed - covered):
        text = f"{' and '.join(missing)} documents need a consent that names them"
        return [Reason(step=Step.DEFAULT, text=text, who=_PATIENT)]
    if permits:
        return []
    if rules.default is Default.OPT_IN:
        return [Reason(step=Step.DEFAULT, text="no consent permits it (opt-in)", who=_PATIENT)]
    asked = purpose(caller.purpose)
    if caller.purpose is not None and not asked and rules.unknown_denies:
        text = f"the purpose {caller.purpose.code} is not known here"
        return [Reason(step=Step.DEFAULT, text=text, who=ADMINISTRATOR)]
    if asked and rules.purposes.isdisjoint(kinds_of(asked)):
        text = f"without a consent nothing is permitted for {word_of_purpose(asked)}"
        return [Reason(step=Step.DEFAULT, text=text, who=_PATIENT)]
    return []


def _by_default(rules: Jurisdiction) -> Reason:
    text = f"nobody has objected ({rules.default})"
    return Reason(step=Step.DEFAULT, text=text, who="the patient, with a denial: xdsnode consent add --deny")


def _emergency(
    caller: Caller, labels: ResourceLabels, denials: Sequence[Reason], rules: Jurisdiction, unreviewed: int
) -> Decision:
    """Only what policy allows to be broken, by whom it allows it, with a reason."""
    emergency = rules.emergency
    kept = [one for one in denials if not one.breakable or (one.step is Step.DENIAL and not emergency.denials)]
    ranks = [LEVELS.get(code, len(LEVELS)) for code, scheme in labels.confidentiality if scheme == CONFIDENTIALITY]
    against = ""
    if kept:
        against = "what denies it holds in an emergency too"
    elif not emergency.roles:
        against = "access in an emergency is switched off"
    elif not has_role(caller, emergency.roles):
        against = "this role may not break the glass"
    elif not caller.user:
        against = "nobody is named who breaks the glass"
    elif not caller.reason.strip():
        against = "an emergency without a reason"
    elif max(ranks, default=len(LEVELS)) > LEVELS[emergency.ceiling]:
        against = f"an emergency reaches documents up to {emergency.ceiling}"
    elif unreviewed >= emergency.limit:
        against = f"{unreviewed} accesses of this person in emergencies wait for review"
    if against:
        who = "the privacy officer: xdsnode policy review" if unreviewed >= emergency.limit else ADMINISTRATOR
        reason = Reason(step=Step.EMERGENCY, text=against, who=who, breakable=False)
        return Decision(permit=False, reasons=(*denials, reason))
    broken = Reason(step=Step.EMERGENCY, text="the glass was broken", who="the privacy officer: xdsnode policy review")
    return Decision(permit=True, reasons=(*denials, broken), broken=True)
