"""Does one provision speak of this caller and this document? Yes, no, or it cannot be known. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from trust.consent.policy import Jurisdiction, Pair, Provision, ResourceLabels
from trust.consent.words import ROLES, kinds_of, pair, purpose
from trust.identity.caller import Caller, Role


def speaks_of(provision: Provision, caller: Caller, labels: ResourceLabels, rules: Jurisdiction) -> bool | None:
    """Whether every part of the provision holds; None when a part cannot be judged and none is wrong."""
    unknown = False
    for holds in _parts(provision, caller, labels, rules):
        if holds is False:
            return False
        unknown = unknown or holds is None
    return None if unknown else True


def institutions(caller: Caller, rules: Jurisdiction) -> frozenset[str]:
    """The identifiers under which the asking institution counts as an author.

    Of another community: its own OID, and an organisation that it names when that OID lies below its own. Whoever may
    not hand out OIDs below another's cannot pass for its institutions.
    """
    if caller.role is not Role.PEER:
        return rules.own
    home, organisation = oid(caller.home), oid(caller.organisation)
    if not home:
        return frozenset()
    return frozenset({home, organisation} if organisation.startswith(f"{home}.") else {home})


def oid(identifier: str) -> str:
    """An OID without its prefix; a URL as it is."""
    return identifier.strip().removeprefix("urn:oid:")


def _parts(provision: Provision, caller: Caller, labels: ResourceLabels, rules: Jurisdiction) -> Iterator[bool | None]:
    """What is cheap and certain comes first: most provisions end there."""
    yield from _of_document(provision, labels, rules)
    yield from _of_caller(provision, caller, rules)


def _of_document(provision: Provision, labels: ResourceLabels, rules: Jurisdiction) -> Iterator[bool | None]:
    if provision.documents:
        yield labels.document in provision.documents
    if provision.confidentiality:
        yield any(code in provision.confidentiality for code, _ in labels.confidentiality)
    if provision.kinds:
        yield any(_named(one, provision.kinds) for one in labels.kinds)
    if provision.categories:
        yield bool(rules.categories((*labels.confidentiality, *labels.kinds)) & provision.categories)
    if provision.author_institutions:
        authors = provision.author_institutions & {*labels.author_institutions}
        yield bool(authors) if labels.author_institutions else None


def _of_caller(provision: Provision, caller: Caller, rules: Jurisdiction) -> Iterator[bool | None]:
    if provision.communities:
        home = {oid(caller.home)} if caller.role is Role.PEER else rules.own
        yield bool(home & provision.communities)
    if provision.purposes:
        asked = purpose(caller.purpose)
        yield not provision.purposes.isdisjoint(kinds_of(asked)) if asked else None
    if provision.organisations:
        yield oid(caller.organisation) in provision.organisations if caller.organisation else None
    if provision.users:
        yield caller.user in provision.users if caller.user else None
    if provision.roles:
        yield _role(caller, provision.roles, rules)


def _role(caller: Caller, wanted: frozenset[Pair], rules: Jurisdiction) -> bool | None:
    """A role that is none of those wanted, and none that is known here, may be another word for one of them."""
    if caller.user_role is None:
        return None
    role = pair(caller.user_role)
    if _named(role, wanted):
        return True
    return False if role in rules.roles or any(role in known for known in ROLES.values()) else None


def _named(one: Pair, wanted: frozenset[Pair]) -> bool:
    return one in wanted or (one[0], "") in wanted


def has_role(caller: Caller, wanted: frozenset[Pair]) -> bool:
    """Whether the caller certainly acts in one of these roles."""
    return caller.user_role is not None and _named(pair(caller.user_role), wanted)
