"""The user of a request: modes, whose assertions count, and what changes while the node runs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from node.asserted import Users
from node.configuration.config import parse as read_config
from node.configuration.value_sets import read_value_sets
from node.soap.message import Message, read_envelope
from node.soap.writing import write_envelope
from tests.trust.identity.assertions import IDP, NOW, OTHER, OWN, certificate, draft, made, new_key
from trust.communities import AssertionIdentity, Community
from trust.errors import AssertionRefused
from trust.identity.caller import Caller, Role
from trust.identity.making import signed
from trust.identity.names import INVALID_HEADER, INVALID_TOKEN, UNAVAILABLE
from trust.pki import assertion_key
from trust.pki.certificates import to_pem

APPLICATION = Caller(role=Role.APPLICATION, name="ward", fingerprint="00", address="127.0.0.1")
PEER = Caller(role=Role.PEER, name="Other", fingerprint="01", address="127.0.0.1", home=OTHER)
BODY = b"<b:x xmlns:b='urn:b'/>"

NODE = f"""
[node]
name = "Alpha Clinic"
home_community_id = "{OWN}"
repository_unique_id = "2.999.10.1"
assigning_authority = "2.999.10.100"
host = "node.alpha.example"
port_base = 8000
"""


def message(raw: bytes = b"") -> Message:
    return read_envelope(write_envelope("urn:x", BODY, message_id="urn:uuid:1", to="https://x", security=raw))


def users(root: Path, xua: str, *communities: Community, test_home: str = "") -> Users:
    if not (root / "keys").exists():
        (root / "keys").mkdir()
        assertion_key.create(root / "keys/assertion.key", root / "keys/assertion.pem", "Alpha Clinic", NOW)
        (root / "idp.pem").write_text(to_pem([certificate(new_key())]))
    config = read_config(NODE + f"[xua]\n{xua}\n", root)
    return Users(config, lambda: communities, lambda: test_home)


LOCAL = f"""
applications = "accepted"
peers = "accepted"
[[xua.issuers]]
name = "idp"
issuer = "{IDP}"
certificates = ["idp.pem"]
"""


def other(*assertions: AssertionIdentity) -> Community:
    return Community(home=OTHER, name="Other", endpoints={}, certificates="", fingerprint="", assertions=assertions)


def own_assertion(root: Path, **changes) -> bytes:
    key, found = assertion_key.read(root / "keys/assertion.key", root / "keys/assertion.pem")
    return signed(draft(issuer=OWN, **changes), key, found)


@pytest.mark.parametrize("mode", ["off", "accepted", "required"])
@pytest.mark.parametrize("caller", [APPLICATION, PEER])
def test_modes(tmp_path: Path, mode: str, caller: Caller) -> None:
    """Each role has a mode of its own; the other one's does not matter."""
    words = ("required", mode) if caller is PEER else (mode, "required")
    judge = users(tmp_path, 'applications = "{}"\npeers = "{}"'.format(*words))
    if mode == "required":
        with pytest.raises(AssertionRefused, match="required") as raised:
            judge.of_request(message(), caller, b"", NOW)
        assert raised.value.code == INVALID_HEADER
    else:
        assert judge.of_request(message(), caller, b"", NOW) is None
    if mode == "off":
        assert judge.of_request(message(b"<x/>"), caller, b"", NOW) is None
    else:
        with pytest.raises(AssertionRefused):
            judge.of_request(message(b"<x/>"), caller, b"", NOW)


@pytest.mark.parametrize("mode", ["off", "accepted", "required"])
def test_what_the_pages_send_names_a_person_whatever_applications_may_do(tmp_path: Path, mode: str) -> None:
    lines = f'applications = "{mode}"\npeers = "off"\ntimestamp_required = true\nrequired = ["npi"]'
    judge = users(tmp_path, lines)
    found = judge.of_request(message(own_assertion(tmp_path)), APPLICATION, b"", NOW, vouched=True)
    assert found is not None
    assert found.user.name
    for security in ((), (b"<x/>",), (made(issuer="somebody else"),)):
        with pytest.raises(AssertionRefused):
            judge.of_request(message(*security), APPLICATION, b"", NOW, vouched=True)


def test_without_a_section_nothing_is_looked_at(tmp_path: Path) -> None:
    judge = users(tmp_path, "")
    assert judge.of_request(message(made(issuer="x")), APPLICATION, b"", NOW) is None
    assert judge.of_request(message(made(issuer="x")), PEER, b"", NOW) is None


def test_the_caller_becomes_the_user(tmp_path: Path) -> None:
    judge = users(tmp_path, LOCAL)
    raw = made()
    found = judge.of_request(message(raw), APPLICATION, b"", NOW)
    assert found is not None
    caller = found.caller(APPLICATION)
    assert (caller.user, caller.user_name) == (f"<jdoe@alpha.example@{IDP}>", "Jane Doe")
    assert caller.user_role is not None
    assert caller.user_role.code == "112247003"
    assert caller.purpose is not None
    assert caller.purpose.code == "TREAT"
    assert caller.organisation == "urn:oid:2.999.10.50"
    assert (caller.role, caller.name) == (Role.APPLICATION, "ward")


def test_what_is_passed_on_verifies_where_it_arrives(tmp_path: Path) -> None:
    """The bytes that go to the next community are those that came, and count there as they did here."""
    judge = users(tmp_path, LOCAL)
    first = judge.of_request(message(made()), APPLICATION, b"", NOW)
    assert first is not None
    second = judge.of_request(message(first.raw), APPLICATION, b"", NOW)
    assert second is not None
    assert second.user == first.user


def test_our_own_assertions_count_from_our_own_applications(tmp_path: Path) -> None:
    judge = users(tmp_path, LOCAL, test_home="urn:oid:2.999.77")
    raw = own_assertion(tmp_path)
    assert judge.of_request(message(raw), APPLICATION, b"", NOW)
    with pytest.raises(AssertionRefused, match="vouch"):
        judge.of_request(message(raw), PEER, b"", NOW)
    tester = Caller(role=Role.PEER, name="tests", fingerprint="", address="", home="urn:oid:2.999.77")
    assert judge.of_request(message(own_assertion(tmp_path, home="")), tester, b"", NOW)


def test_a_peer_brings_its_own_users_and_nobody_elses(tmp_path: Path) -> None:
    """S18, T17: what `peer add` read binds an issuer to one community."""
    theirs = AssertionIdentity(
        issuer="https://idp.other.example", certificates=to_pem([certificate(new_key("theirs"))])
    )
    judge = users(tmp_path, LOCAL, other(theirs))

    def said(**changes) -> Message:
        whole = {"issuer": "https://idp.other.example", "home": OTHER, **changes}
        return message(signed(draft(**whole), new_key("theirs"), certificate(new_key("theirs"))))

    assert judge.of_request(said(), PEER, b"", NOW)
    for wrong, caller in ((said(home=OWN), PEER), (said(), APPLICATION), (said(home=""), APPLICATION)):
        with pytest.raises(AssertionRefused) as raised:
            judge.of_request(wrong, caller, b"", NOW)
        assert raised.value.code == INVALID_TOKEN
    with pytest.raises(AssertionRefused):  # our own provider's assertion, brought by the peer
        judge.of_request(message(made()), PEER, b"", NOW)


def test_a_peer_cannot_take_the_name_of_our_issuer(tmp_path: Path) -> None:
    theirs = AssertionIdentity(issuer=IDP, certificates=to_pem([certificate(new_key("theirs"))]))
    judge = users(tmp_path, LOCAL, other(theirs))
    raw = signed(draft(home=OTHER), new_key("theirs"), certificate(new_key("theirs")))
    with pytest.raises(AssertionRefused):
        judge.of_request(message(raw), PEER, b"", NOW)
    assert judge.of_request(message(made()), APPLICATION, b"", NOW)


def test_s23_a_key_changes_in_its_file(tmp_path: Path) -> None:
    """The new key counts and the old one does not, from the next reading on, without a restart."""
    judge = users(tmp_path, LOCAL)
    old, new = made(), signed(draft(), new_key("new"), certificate(new_key("new")))
    assert judge.of_request(message(old), APPLICATION, b"", NOW)
    (tmp_path / "idp.pem").write_text(to_pem([certificate(new_key()), certificate(new_key("new"))]))
    judge.reload()
    assert judge.of_request(message(old), APPLICATION, b"", NOW)
    assert judge.of_request(message(new), APPLICATION, b"", NOW)
    (tmp_path / "idp.pem").write_text(to_pem([certificate(new_key("new"))]))
    judge.reload()
    with pytest.raises(AssertionRefused):
        judge.of_request(message(old), APPLICATION, b"", NOW)
    assert judge.of_request(message(new), APPLICATION, b"", NOW)
    (tmp_path / "idp.pem").unlink()  # no file, no trust
    judge.reload()
    with pytest.raises(AssertionRefused):
        judge.of_request(message(new), APPLICATION, b"", NOW)


def test_a_peer_that_is_removed_vouches_for_nobody_from_then_on(tmp_path: Path) -> None:
    theirs = AssertionIdentity(
        issuer="https://idp.other.example", certificates=to_pem([certificate(new_key("theirs"))])
    )
    connected = [other(theirs)]
    judge = users(tmp_path, LOCAL)
    judge._communities = lambda: connected
    judge.reload()
    raw = signed(draft(issuer=theirs.issuer, home=OTHER), new_key("theirs"), certificate(new_key("theirs")))
    assert judge.of_request(message(raw), PEER, b"", NOW)
    connected.clear()
    judge.reload()
    with pytest.raises(AssertionRefused):
        judge.of_request(message(raw), PEER, b"", NOW)


def test_settings_of_an_issuer(tmp_path: Path) -> None:
    judge = users(tmp_path, LOCAL + "maximum_age_seconds = 60\none_time = true\n")
    found = judge.of_request(message(made()), APPLICATION, b"", NOW)
    assert found is not None
    assert found.issuer.one_time
    with pytest.raises(AssertionRefused, match="older"):
        judge.of_request(message(made()), APPLICATION, b"", NOW + timedelta(minutes=2))
    judge = users(tmp_path, 'required = ["npi"]\n' + LOCAL)
    with pytest.raises(AssertionRefused, match="npi"):
        judge.of_request(message(made()), APPLICATION, b"", NOW)
    judge = users(tmp_path, LOCAL + 'confirmations = ["holder-of-key"]\n')
    with pytest.raises(AssertionRefused, match="confirmation"):
        judge.of_request(message(made()), APPLICATION, b"", NOW)


def test_a_part_outside_of_the_envelope(tmp_path: Path) -> None:
    """xop:Include in wsse:Security: the assertion is what the envelope holds, and nothing is fetched for it."""
    judge = users(tmp_path, LOCAL)
    raw = made() + b'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:x@y"/>'
    with pytest.raises(AssertionRefused) as raised:
        judge.of_request(message(raw), APPLICATION, b"", NOW)
    assert raised.value.code == UNAVAILABLE


def test_a_header_for_another_actor_is_not_ours(tmp_path: Path) -> None:
    judge = users(tmp_path, LOCAL)
    text = write_envelope("urn:x", BODY, message_id="urn:uuid:1", to="https://x", security=made())
    for_other = text.replace(b's:mustUnderstand="1">\n', b"").replace(
        b"<wsse:Security ", b'<wsse:Security s:role="urn:other" ', 1
    )
    with pytest.raises(AssertionRefused, match="outside"):
        judge.of_request(read_envelope(for_other), APPLICATION, b"", NOW)


@pytest.mark.parametrize(
    "text",
    [
        "[rolls]",
        "roles = 3",
        '[roles]\n"2.999" = ["x"]',
        '[roles]\n"2.999" = [["x"]]',
        '[roles]\n"2.999" = [["", "y"]]',
    ],
)
def test_value_sets_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"roles|rolls"):
        read_value_sets(text)
