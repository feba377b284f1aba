"""What a directory says, how it comes into force, and what a change of keys needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.directory.federations import Federation, accepted, community, home, node, row
from tests.trust.pki.making import NOW
from trust.community_details import detail_faults
from trust.directory.content import Content, Revoked, as_json, from_json
from trust.directory.directory import LIFE, Directory, Refusal, accept, restored
from trust.directory.members import members_of
from trust.directory.signing import Signer

NODES = [node(k) for k in range(1, 4)]
SIGNERS = [Signer(bytes([k]) * 32) for k in range(1, 6)]


def test_what_was_signed_is_what_is_read() -> None:
    signer = Federation()
    described = community(
        1,
        NODES[0],
        names={"zh-Hans": "北方医院"},
        capabilities=("xca", "witness"),
        quirks={"documents_per_request": 1, "upper_case_uuids": True, "languages": ("de", "fr")},
    )
    signer.take(described)
    found = accepted(signer.pin, signer.sealed())
    (member,) = members_of(found, now=NOW, own_home=home(9), development=False, permitted=()).communities
    assert member == replace(described, federation=signer.federation)
    assert found.content.name == "Region North"
    assert restored(found.text) == found


def test_a_node_is_not_its_own_member() -> None:
    signer = Federation()
    signer.take(*(community(k, NODES[k - 1]) for k in (1, 2, 3)))
    found = members_of(
        accepted(signer.pin, signer.sealed()), now=NOW, own_home=home(2), development=False, permitted=()
    )
    assert [one.home for one in found.communities] == [home(1), home(3)]
    assert not found.faults


def test_both_certificates_count_while_a_member_changes_one() -> None:
    signer, old = Federation(), node(1)
    signer.content = Content(
        names={"en": "R"}, members=(row(community(1, NODES[0]), previous=old.pem),), publishers=(home(1),)
    )
    directory = accepted(signer.pin, signer.sealed())
    (member,) = members_of(directory, now=NOW, own_home=home(9), development=False, permitted=()).communities
    assert member.previous == old.pem
    withdrawn = Revoked(fingerprint=old.fingerprint, since="2026-01-01T00:00:00Z", reason="")
    signer.content = replace(signer.content, revoked=(withdrawn,))
    found = members_of(accepted(directory, signer.sealed()), now=NOW, own_home=home(9), development=False, permitted=())
    assert found.communities[0].previous == ""
    assert found.revoked == {old.fingerprint}


def test_who_missed_changes_of_keys_follows_the_chain() -> None:
    signer = Federation()
    pinned = signer.pin
    current = accepted(pinned, signer.sealed())
    for new in SIGNERS:
        signer.rotate([new])
        signer.sealed()
    offered = signer.sealed()
    for known in (pinned, current):
        found = accepted(known, offered)
        assert (found.version, found.root.number) == (7, 6)


def test_several_signers_are_verified_although_no_node_makes_them_yet() -> None:
    signer = Federation(signers=SIGNERS[:3])
    current = accepted(signer.pin, signer.sealed())
    assert current.root.threshold == 3
    signer.signers = SIGNERS[:2]
    assert isinstance(accept(current, signer.sealed(), NOW), Refusal)


@settings(max_examples=60, deadline=None)
@given(offers=st.lists(st.tuples(st.integers(1, 9), st.integers(-20, 20), st.booleans()), max_size=12))
def test_the_version_in_force_never_falls_and_never_changes_its_content(
    offers: list[tuple[int, int, bool]],
) -> None:
    signer = Federation()
    current = accepted(signer.pin, signer.sealed(NOW, version=3))
    seen = {3: current.digest}
    for version, days, with_member in offers:
        signer.take(*([community(1, NODES[0])] if with_member else []))
        found = accept(current, signer.sealed(NOW + timedelta(days=days), version=version), NOW)
        if isinstance(found, Directory):
            assert found.version >= current.version
            assert found.issued >= current.issued
            assert found.expires > NOW
            assert seen.setdefault(found.version, found.digest) == found.digest
            current = found


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_changed_byte_gets_through(data: st.DataObject) -> None:
    signer = Federation()
    signer.take(community(1, NODES[0]))
    current = accepted(signer.pin, signer.sealed())
    offered = bytearray(signer.sealed())
    at = data.draw(st.integers(0, len(offered) - 1))
    offered[at] ^= data.draw(st.integers(1, 255))
    assert isinstance(accept(current, bytes(offered), NOW), Refusal)


@settings(max_examples=200, deadline=None)
@given(offered=st.binary(max_size=200) | st.from_regex(rb'\{"directory":.*,"keys":.*\}', fullmatch=True))
def test_anything_at_all_is_refused_and_nothing_else(offered: bytes) -> None:
    assert isinstance(accept(Federation().pin, offered, NOW), Refusal)


def test_it_counts_until_its_end_and_no_longer() -> None:
    signer = Federation()
    offered = signer.sealed()
    assert isinstance(accept(signer.pin, offered, NOW + LIFE - timedelta(seconds=1)), Directory)
    assert isinstance(accept(signer.pin, offered, NOW + LIFE), Refusal)


def test_members_stand_in_one_order() -> None:
    rows = tuple(row(community(k, NODES[k - 1])) for k in (3, 1, 2))
    one, other = Content(members=rows), Content(members=rows[::-1])
    assert as_json(one) == as_json(other)
    assert as_json(from_json(as_json(one))) == as_json(one)


def test_quirks_are_short_values_under_lower_case_words() -> None:
    good = {"quirks": {"a": 1, "b-c_d": "x", "e": True, "f": ["x"]}, "names": {"en": "N"}, "capabilities": ["xca"]}
    assert list(detail_faults(good)) == []
    for bad in (
        {"quirks": {"A": 1}},
        {"quirks": {"a": 1.5}},
        {"quirks": {"a": {"b": 1}}},
        {"quirks": {"a": "x" * 201}},
        {"quirks": []},
        {"names": {"english!": "N"}},
        {"names": {"en": ""}},
        {"capabilities": "xca"},
        {"capabilities": ["X C A"]},
    ):
        assert list(detail_faults(bad)), bad
