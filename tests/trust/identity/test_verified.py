"""What a node remembers of verified assertions, and clocks that differ: the cases that deployments report."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.trust.identity.assertions import (
    EXPECTED,
    IDP,
    NOW,
    certificate,
    draft,
    idp_certificate,
    issuer,
    made,
    new_key,
    parse,
    user_of,
)
from trust.errors import AssertionRefused
from trust.identity import saml
from trust.identity.issuers import Issuer, Issuers
from trust.identity.making import signed
from trust.identity.verified import Verified

MINUTE = timedelta(minutes=1)


class Counting(Verified):
    """Counts how often a signature had to be verified."""

    def __init__(self, *issuers: Issuer, most: int = 100) -> None:
        super().__init__(Issuers(issuers or (issuer(),)), self._parsed, most)
        self.parsed = 0

    def _parsed(self, data: bytes):
        self.parsed += 1
        return parse(data)

    def verified(self, raw: bytes, now=NOW) -> bool:
        """Whether this call verified the signature; raises when it is refused."""
        before = self.parsed
        self.authentic(raw, now)
        return self.parsed > before


def refuses(memory: Verified, raw: bytes, now=NOW) -> bool:
    try:
        memory.authentic(raw, now)
    except AssertionRefused:
        return True
    return False


def test_the_same_bytes_are_verified_once() -> None:
    memory, raw = Counting(), made()
    assert memory.verified(raw)
    assert not memory.verified(raw, NOW + MINUTE)


def test_the_same_user_with_other_bytes_is_verified_again() -> None:
    """One more blank between two headers is another text; the key is the bytes, not the ID."""
    memory = Counting()
    raw = made()
    assert memory.verified(raw)
    assert memory.verified(raw.replace(b"</ds:KeyInfo>", b"</ds:KeyInfo> "))


def test_a_changed_copy_of_a_remembered_assertion_is_refused() -> None:
    memory, raw = Counting(), made()
    memory.authentic(raw, NOW)
    assert refuses(memory, raw.replace(b"Jane Doe", b"Jane Roe"))
    assert refuses(memory, raw.replace(b"jdoe@", b"mallory@"))


def test_a_refusal_is_not_remembered() -> None:
    """What is refused today for a key that is not there is accepted when the key is."""
    memory = Counting(issuer(certificates=(certificate(new_key("other")),)))
    assert refuses(memory, made())
    memory.trust(Issuers((issuer(),)))
    assert memory.verified(made())


def test_a_withdrawn_key_ends_what_was_verified_with_it() -> None:
    raw = made()
    memory = Counting()
    memory.authentic(raw, NOW)
    memory.trust(Issuers((issuer(certificates=(certificate(new_key("new")),)),)))
    assert refuses(memory, raw)
    memory.trust(Issuers(()))
    assert refuses(memory, raw)


def test_a_new_key_is_believed_without_a_restart() -> None:
    memory = Counting()
    raw = signed(draft(), new_key("new"), certificate(new_key("new")))
    assert refuses(memory, raw)
    memory.trust(Issuers((issuer(certificates=(idp_certificate(), certificate(new_key("new")))),)))
    assert memory.verified(raw)
    assert memory.verified(made())


def test_the_certificate_ends_while_its_assertion_is_remembered() -> None:
    raw = made()
    memory = Counting(issuer(certificates=(certificate(new_key(), ends=NOW + MINUTE),)))
    memory.authentic(raw, NOW)
    assert refuses(memory, raw, NOW + 2 * MINUTE)


@pytest.mark.parametrize("after", [timedelta(minutes=5), timedelta(days=1)])
def test_what_has_ended_is_not_taken_from_memory(after: timedelta) -> None:
    """It is verified again, and then its time is judged as that of any other."""
    raw = made()
    memory = Counting(issuer(certificates=(certificate(new_key(), ends=NOW + timedelta(days=2)),)))
    memory.authentic(raw, NOW)
    assert memory.verified(raw, NOW + after)
    with pytest.raises(AssertionRefused, match="expired"):
        saml.accept(*memory.authentic(raw, NOW + after), EXPECTED, NOW + after)


def test_the_oldest_age_ends_it_before_its_own_time() -> None:
    memory, raw = Counting(issuer(maximum_age=2 * MINUTE)), made()
    assert memory.verified(raw)
    assert not memory.verified(raw, NOW + MINUTE)
    assert memory.verified(raw, NOW + 2 * MINUTE)


def test_memory_answers_for_the_signature_alone() -> None:
    """Audience, community and value sets are judged on each request, remembered or not."""
    raw = made()
    memory = Counting()
    found = memory.authentic(raw, NOW)
    saml.accept(*found, EXPECTED, NOW)
    for other in (replace(EXPECTED, home="urn:oid:2.999.20"), replace(EXPECTED, audiences=frozenset({"urn:x"}))):
        with pytest.raises(AssertionRefused):
            saml.accept(*memory.authentic(raw, NOW), other, NOW)


def test_it_is_bounded_and_keeps_what_is_asked_for() -> None:
    memory = Counting(most=2)
    first, second, third = (made(id=f"_{n}") for n in range(3))
    for raw in (first, second, first, third):
        memory.authentic(raw, NOW)
    assert not memory.verified(first)
    assert memory.verified(second)


def test_two_issuers_of_one_name_are_one() -> None:
    """The first counts: a later record cannot add a key to a known name."""
    memory = Counting(
        issuer(), Issuer(name=IDP, certificates=(certificate(new_key("mallory")),), homes=frozenset({"*"}))
    )
    assert refuses(memory, signed(draft(), new_key("mallory"), certificate(new_key("mallory"))))
    assert memory.verified(made())


@pytest.mark.parametrize(
    ("ahead", "skew", "good"),
    [
        (timedelta(0), 60, True),
        (timedelta(seconds=59), 60, True),  # the issuer's clock is ahead of ours
        (timedelta(seconds=60), 60, True),
        (timedelta(seconds=61), 60, False),
        (timedelta(seconds=1), 0, False),
        (timedelta(seconds=-299), 60, True),  # ours is ahead: the rest of its life is short
        (timedelta(seconds=-300), 60, False),  # no skew prolongs it
        (timedelta(seconds=-330), 60, False),
    ],
)
def test_clocks_that_differ(ahead: timedelta, skew: int, good: bool) -> None:
    """An assertion of five minutes, made by a clock that is `ahead` of ours."""
    raw = made(
        issued=NOW + ahead,
        not_before=NOW + ahead,
        not_on_or_after=NOW + ahead + 5 * MINUTE,
        authenticated=NOW + ahead - MINUTE,
    )
    expected = replace(EXPECTED, skew=timedelta(seconds=skew))
    if good:
        assert user_of(raw, expected=expected)
    else:
        with pytest.raises(AssertionRefused):
            user_of(raw, expected=expected)


def test_fractions_and_offsets_of_seconds_are_one_instant() -> None:
    """Issuers write instants in several ways; what is compared is the instant."""
    early, late = NOW - timedelta(microseconds=1000), NOW + timedelta(microseconds=1000)
    assert user_of(made(not_before=NOW), now=NOW)
    assert user_of(made(not_before=late), now=NOW)  # within the skew
    with pytest.raises(AssertionRefused):
        user_of(made(not_before=NOW - MINUTE, issued=NOW - MINUTE, not_on_or_after=early), now=NOW)
