"""C15, C16: directories that somebody forged, mixed, rolled back or kept back, and what a member may not be called."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import orjson
import pytest

from tests.trust.directory.federations import Federation, accepted, community, home, node, row
from tests.trust.pki import making
from tests.trust.pki.making import NOW
from trust.directory.content import SUSPENDED, Content, Revoked
from trust.directory.directory import Directory, Reason, Refusal, accept, seal
from trust.directory.members import members_of
from trust.directory.root import first, read_root, successor
from trust.directory.signing import Signer, encode
from trust.ledger.record import canonical
from trust.pki.bindings import timestamp

KEYS = {k: node(k) for k in range(1, 5)}


@dataclass
class World:
    """A federation whose version 5 is in force."""

    signer: Federation
    current: Directory


@pytest.fixture
def world() -> World:
    signer = Federation()
    signer.take(*(community(k, KEYS[k]) for k in (1, 2)))
    return World(signer, accepted(signer.pin, signer.sealed(NOW - timedelta(hours=2), version=5)))


def envelope(data: bytes, **changes: object) -> bytes:
    return canonical({**orjson.loads(data), **changes})


def resigned_payload(data: bytes, **changes: object) -> bytes:
    """Other content under the signatures that were there."""
    found = orjson.loads(data)
    payload = {**orjson.loads(_payload(found["directory"])), **changes}
    return canonical({**found, "directory": {**found["directory"], "payload": encode(canonical(payload))}})


def _payload(statement: dict) -> bytes:
    return base64.b64decode(statement["payload"])


def unsigned(world: World) -> bytes:
    offered = orjson.loads(world.signer.sealed())
    offered["directory"]["signatures"] = []
    return canonical(offered)


def by_a_stranger(world: World) -> bytes:
    """Right keys in the envelope, signed with another."""
    return Federation(signers=[Signer(bytes([9]) * 32)], keys=world.signer.keys, content=world.signer.content).sealed(
        version=6
    )


def with_keys_of_a_stranger(world: World) -> bytes:
    """Everything fits together, but the keys are not those that are pinned."""
    return Federation(signers=[Signer(bytes([9]) * 32)], content=world.signer.content).sealed(version=6)


def with_keys_that_do_not_follow(world: World) -> bytes:
    """The chain goes on to a key that the one before never signed."""
    thief = [Signer(bytes([9]) * 32)]
    forged = successor(read_root(world.signer.keys[0]), thief, thief)
    return Federation(signers=thief, keys=[*world.signer.keys, forged], content=world.signer.content).sealed(version=6)


def altered(world: World) -> bytes:
    return resigned_payload(world.signer.sealed(), members=[])


def rolled_back(world: World) -> bytes:
    return world.signer.sealed(version=4)


def newer_version_of_an_older_time(world: World) -> bytes:
    return world.signer.sealed(NOW - timedelta(days=1), version=6)


def from_before_the_keys(world: World) -> bytes:
    before = world.signer.sealed(version=6)
    world.signer.rotate([Signer(bytes([8]) * 32)])
    world.current = accepted(world.current, world.signer.sealed(version=7))
    return before


def two_of_one_version(world: World) -> bytes:
    world.signer.content = replace(world.signer.content, members=())
    return world.signer.sealed(version=5)


def members_of_one_with_keys_of_the_other(world: World) -> bytes:
    """A directory signed under the first keys, by signers that the second keys name as well."""
    both = [*world.signer.signers, Signer(bytes([8]) * 32)]
    before = world.signer.sealed(version=6)
    chain = [*world.signer.keys, successor(read_root(world.signer.keys[-1]), world.signer.signers, both[:1])]
    return envelope(before, keys=[one.as_json() for one in chain])


def expired(world: World) -> bytes:
    return world.signer.sealed(NOW - timedelta(minutes=1), life=timedelta(seconds=30), version=6)


def of_tomorrow(world: World) -> bytes:
    return world.signer.sealed(NOW + timedelta(days=1))


def of_another_federation(world: World) -> bytes:
    other = "urn:uuid:00000000-0000-4000-8000-000000000000"
    return Federation(federation=other, signers=world.signer.signers).sealed(version=6)


def of_another_federation_under_these_keys(world: World) -> bytes:
    other = replace(read_root(world.signer.keys[-1]), federation="urn:uuid:00000000-0000-4000-8000-000000000000")
    return seal(
        world.signer.content, keys=world.signer.keys, root=other, signers=world.signer.signers, version=6, now=NOW
    )


def of_one_signer_twice(world: World) -> bytes:
    """Two must sign, one signs under both names."""
    two = [Signer(bytes([8]) * 32), Signer(bytes([6]) * 32)]
    world.signer.rotate(two)
    world.current = accepted(world.current, world.signer.sealed(version=6))
    offered = orjson.loads(replace_signers(world.signer, two[:1]).sealed(version=7))
    made = offered["directory"]["signatures"][0]
    offered["directory"]["signatures"] = [made, {**made, "key": "0" * 64}]
    return canonical(offered)


def replace_signers(signer: Federation, signers: list[Signer]) -> Federation:
    return Federation(signers=signers, keys=signer.keys, content=signer.content)


def not_canonical(world: World) -> bytes:
    return world.signer.sealed().replace(b'{"directory"', b'{ "directory"')


def with_a_key_twice(world: World) -> bytes:
    return world.signer.sealed().replace(b'{"directory":', b'{"directory":{},"directory":', 1)


def cut_off(world: World) -> bytes:
    return world.signer.sealed()[:-40]


CORPUS: dict[str, tuple[Callable[[World], bytes], Reason]] = {
    "C16-unsigned": (unsigned, Reason.UNSIGNED),
    "C16-signed-by-a-stranger": (by_a_stranger, Reason.UNSIGNED),
    "C16-altered": (altered, Reason.UNSIGNED),
    "C16-one-signer-for-two": (of_one_signer_twice, Reason.UNSIGNED),
    "C16-keys-of-a-stranger": (with_keys_of_a_stranger, Reason.WRONG_KEYS),
    "C16-keys-that-do-not-follow": (with_keys_that_do_not_follow, Reason.WRONG_KEYS),
    "C16-rolled-back": (rolled_back, Reason.ROLLED_BACK),
    "C16-newer-version-older-time": (newer_version_of_an_older_time, Reason.ROLLED_BACK),
    "C16-from-before-the-keys": (from_before_the_keys, Reason.ROLLED_BACK),
    "C16-two-of-one-version": (two_of_one_version, Reason.FORKED),
    "C16-mixed": (members_of_one_with_keys_of_the_other, Reason.MIXED),
    "C16-expired": (expired, Reason.EXPIRED),
    "C16-of-tomorrow": (of_tomorrow, Reason.NOT_YET),
    "C16-another-federation": (of_another_federation, Reason.WRONG_FEDERATION),
    "C16-another-federation-under-these-keys": (of_another_federation_under_these_keys, Reason.WRONG_FEDERATION),
    "C16-not-canonical": (not_canonical, Reason.MALFORMED),
    "C16-a-key-twice": (with_a_key_twice, Reason.MALFORMED),
    "C16-cut-off": (cut_off, Reason.MALFORMED),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_directory_is_refused_with_its_reason(world: World, name: str) -> None:
    make, reason = CORPUS[name]
    offered = make(world)
    found = accept(world.current, offered, NOW)
    assert isinstance(found, Refusal)
    assert found.reason == reason
    assert found.text


@pytest.mark.parametrize("name", [name for name, (_, reason) in CORPUS.items() if reason is not Reason.ROLLED_BACK])
def test_c16_who_joins_refuses_it_too(world: World, name: str) -> None:
    make, reason = CORPUS[name]
    pin = world.signer.pin
    found = accept(pin, make(world), NOW)
    # Whoever has none in force cannot know that a version was there before.
    assert isinstance(found, Refusal) or reason is Reason.FORKED


URLS = {
    "C15-loopback": "https://127.0.0.1/iti-38",
    "C15-localhost": "https://localhost:8001/iti-38",
    "C15-metadata": "https://169.254.169.254/latest",
    "C15-mapped": "https://[::ffff:169.254.169.254]/x",
    "C15-decimal": "https://2130706433/x",
    "C15-octal": "https://0177.0.0.1/x",
    "C15-private": "https://10.1.2.3/x",
    "C15-file": "file:///etc/passwd",
    "C15-http": "http://n1.example.org/x",
    "C15-userinfo": "https://n1.example.org@127.0.0.1/x",
    "C15-host-of-another-certificate": "https://n2.example.org:8443/x",
}


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize("endpoint", ["iti-38", "audit"])
def test_a_member_of_a_signed_directory_may_not_lead_inside(world: World, name: str, endpoint: str) -> None:
    good, bad = community(1, KEYS[1]), community(2, KEYS[2])
    bad = replace(bad, endpoints={**bad.endpoints, endpoint: URLS[name]})
    if name == "C15-host-of-another-certificate":
        bad = replace(bad, endpoints={**bad.endpoints, endpoint: "https://n1.example.org:8443/x"})
    world.signer.take(good, bad)
    directory = accepted(world.current, world.signer.sealed(version=6))
    found = members_of(directory, now=NOW, own_home=home(9), development=False, permitted=())
    assert [one.home for one in found.communities] == [home(1)]  # nothing else is disturbed
    assert found.faults.keys() == {home(2)}


def test_t7_a_certificate_on_a_list_of_the_directory_counts_no_more(world: World) -> None:
    authority = making.authority("Federation CA")
    members = [making.node_certificate(authority, hosts=(f"n{k}.example.org",)) for k in (1, 2)]
    crl = authority.crl([(members[0].certificate.serial_number, NOW)], now=NOW, days=7, number=1)
    world.signer.content = Content(
        names=world.signer.content.names,
        issuers=(authority.pem,),
        crls=(crl.decode(),),
        members=tuple(row(community(k, members[k - 1])) for k in (1, 2)),
    )
    directory = accepted(world.current, world.signer.sealed(version=6))
    found = members_of(directory, now=NOW, own_home=home(9), development=False, permitted=())
    assert [one.home for one in found.communities] == [home(2)]
    assert members[0].fingerprint in found.revoked


def test_t7_a_list_that_no_ca_of_the_directory_signed_withdraws_nothing(world: World) -> None:
    authority, stranger = making.authority("Federation CA"), making.authority("Federation CA")
    member = making.node_certificate(authority, hosts=("n1.example.org",))
    crl = stranger.crl([(member.certificate.serial_number, NOW)], now=NOW, days=7, number=1)
    world.signer.content = Content(
        names=world.signer.content.names,
        issuers=(authority.pem,),
        crls=(crl.decode(),),
        members=(row(community(1, member)),),
    )
    directory = accepted(world.current, world.signer.sealed(version=6))
    found = members_of(directory, now=NOW, own_home=home(9), development=False, permitted=())
    assert [one.home for one in found.communities] == [home(1)]


def test_t10_a_withdrawn_fingerprint_and_a_suspended_member_get_nothing(world: World) -> None:
    withdrawn = Revoked(fingerprint=KEYS[1].fingerprint, since=timestamp(NOW), reason="stolen")
    rows = (row(community(1, KEYS[1])), row(community(2, KEYS[2]), SUSPENDED), row(community(3, KEYS[3])))
    world.signer.content = replace(world.signer.content, members=rows, revoked=(withdrawn,))
    directory = accepted(world.current, world.signer.sealed(version=6))
    found = members_of(directory, now=NOW, own_home=home(9), development=False, permitted=())
    assert [one.home for one in found.communities] == [home(3)]
    assert found.faults == {home(1): "its certificate was withdrawn", home(2): "it is suspended"}


def test_c16_a_first_statement_of_keys_that_signs_itself_is_not_enough(world: World) -> None:
    keys = [first(world.signer.federation, [Signer(bytes([9]) * 32)])]
    offered = Federation(signers=[Signer(bytes([9]) * 32)], keys=keys).sealed(version=9)
    found = accept(world.signer.pin, offered, NOW)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.WRONG_KEYS
