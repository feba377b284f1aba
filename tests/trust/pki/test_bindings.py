"""Whom a certificate stands for: records, their contradictions, and what a revocation does at the next request."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest

from tests.trust.pki import making
from tests.trust.pki.making import HOME_A, HOME_B, NOW, binding, database
from trust.errors import BadRecord, NotAuthenticated, NotPermitted
from trust.identity.caller import Caller, Role
from trust.identity.claims import acts_as, check_home
from trust.pki.bindings import Bindings, timestamp
from trust.pki.revocation import RevocationLists, from_pem

CA = making.authority()
ONE, TWO = making.application(CA), making.application(CA, "other")
PEER = making.node_certificate(CA)


@pytest.fixture
def connection() -> sqlite3.Connection:
    return database()


def bound(connection: sqlite3.Connection, *rows: object, **options: object) -> Bindings:
    for row in rows:
        Bindings.add(connection, row)
    return Bindings(connection, **options)


def test_a_record_makes_a_caller(connection: sqlite3.Connection) -> None:
    bindings = bound(
        connection,
        binding(ONE, name="archive"),
        binding(PEER, role=Role.PEER, name="north", home=HOME_B, clearance="R"),
    )
    assert bindings.authenticate(ONE.der, "192.0.2.1", NOW) == Caller(
        role=Role.APPLICATION, name="archive", fingerprint=ONE.fingerprint, address="192.0.2.1"
    )
    assert bindings.authenticate(PEER.der, "192.0.2.2", NOW) == Caller(
        role=Role.PEER, name="north", fingerprint=PEER.fingerprint, address="192.0.2.2", home=HOME_B, clearance="R"
    )
    assert [one.name for one in bindings.all()] == ["archive", "north"]
    assert bindings.lookup(ONE.fingerprint) == binding(ONE)
    assert bindings.named("north", Role.PEER) == (bindings.lookup(PEER.fingerprint),)


def test_a_certificate_without_a_record_gets_nothing(connection: sqlite3.Connection) -> None:
    bindings = bound(connection, binding(ONE))
    with pytest.raises(NotAuthenticated, match="no record"):
        bindings.authenticate(TWO.der, "", NOW)
    with pytest.raises(NotAuthenticated, match="no certificate"):
        bindings.authenticate(b"", "", NOW)


def test_revocation_acts_at_once_and_for_good(connection: sqlite3.Connection) -> None:
    bindings = bound(connection, binding(ONE))
    bindings.authenticate(ONE.der, "", NOW)
    Bindings.revoke(connection, ONE.fingerprint, NOW)
    bindings.reload(connection)
    with pytest.raises(NotAuthenticated, match="was revoked here on"):
        bindings.authenticate(ONE.der, "", NOW)
    assert bindings.lookup(ONE.fingerprint).revoked == timestamp(NOW)
    assert bindings.named("archive", Role.APPLICATION) == ()
    with pytest.raises(BadRecord, match="in force"):
        Bindings.revoke(connection, ONE.fingerprint, NOW)
    Bindings.remove(connection, ONE.fingerprint)
    with pytest.raises(BadRecord, match="cannot come back"):
        Bindings.add(connection, binding(ONE))


def test_a_certificate_is_judged_again_when_it_ends(connection: sqlite3.Connection) -> None:
    bindings = bound(connection, binding(ONE))
    bindings.authenticate(ONE.der, "", NOW)
    last = ONE.certificate.not_valid_after_utc
    bindings.authenticate(ONE.der, "", last)
    with pytest.raises(NotAuthenticated, match="ended on"):
        bindings.authenticate(ONE.der, "", last + timedelta(seconds=1))
    with pytest.raises(NotAuthenticated, match="valid only from"):
        bindings.authenticate(ONE.der, "", NOW - timedelta(days=1))


def test_a_new_revocation_list_acts_on_the_next_request(connection: sqlite3.Connection) -> None:
    lists = [RevocationLists()]
    bindings = bound(connection, binding(ONE), binding(TWO, name="other"), lists=lambda: lists[0])
    bindings.authenticate(ONE.der, "", NOW)
    crl = CA.crl([(ONE.certificate.serial_number, NOW)], now=NOW, days=1, number=1)
    lists[0] = RevocationLists(from_pem(crl), [CA.certificate], configured=True)
    with pytest.raises(NotAuthenticated, match="was revoked on"):
        bindings.authenticate(ONE.der, "", NOW)
    bindings.authenticate(TWO.der, "", NOW)
    with pytest.raises(NotAuthenticated, match="the grace"):
        bindings.authenticate(TWO.der, "", NOW + timedelta(days=3))


def test_a_peer_whose_ca_is_unknown_is_withdrawn_by_its_record_only(connection: sqlite3.Connection) -> None:
    peer = making.node_certificate(making.authority("Elsewhere"))
    lists = RevocationLists([], [CA.certificate], configured=True)
    bindings = bound(connection, binding(peer, role=Role.PEER, home=HOME_B), binding(ONE), lists=lambda: lists)
    bindings.authenticate(peer.der, "", NOW)
    with pytest.raises(NotAuthenticated, match="no revocation list"):
        bindings.authenticate(ONE.der, "", NOW)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"role": Role.PEER}, "bound to its homeCommunityId", id="a peer without a community"),
        pytest.param({"home": HOME_A}, "only a peer", id="an application of a community"),
        pytest.param({"role": Role.OPERATOR, "home": HOME_A}, "only a peer", id="an operator of a community"),
        pytest.param({"clearance": "X"}, "no clearance", id="an unknown clearance"),
        pytest.param({"clearance": "*"}, "no clearance", id="everything, without being the test community"),
        pytest.param({"clearance": ""}, "no clearance", id="no clearance"),
        pytest.param({"test_community": True}, "development client", id="a test community without a home"),
        pytest.param(
            {"role": Role.PEER, "home": HOME_A, "test_community": True},
            "development client",
            id="a peer as test community",
        ),
        pytest.param({"name": " "}, "1 to 100", id="no name"),
        pytest.param({"name": "a\nb"}, "1 to 100", id="a name of two lines"),
        pytest.param({"name": "a\u202eb"}, "1 to 100", id="a name that turns the reading direction"),
        pytest.param({"name": "n" * 101}, "1 to 100", id="a long name"),
        pytest.param({"fingerprint": ONE.fingerprint.upper()}, "lower-case", id="capitals in the fingerprint"),
        pytest.param({"fingerprint": "abc"}, "64 hex digits", id="no fingerprint"),
    ],
)
def test_contradictions(connection: sqlite3.Connection, wrong: dict, said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        Bindings.add(connection, binding(ONE, **wrong))
    assert Bindings(connection).all() == ()


def test_a_certificate_has_one_role(connection: sqlite3.Connection) -> None:
    bound(connection, binding(ONE))
    with pytest.raises(BadRecord, match="one role only"):
        Bindings.add(connection, binding(ONE, role=Role.OPERATOR))


def test_the_test_community_exists_in_development_only(connection: sqlite3.Connection) -> None:
    row = binding(ONE, home=HOME_A, test_community=True, clearance="*")
    caller = bound(connection, row, development=True).authenticate(ONE.der, "", NOW)
    assert (caller.role, caller.home, caller.clearance) == (Role.APPLICATION, HOME_A, "*")
    assert acts_as(caller) == {Role.APPLICATION, Role.PEER}
    elsewhere = Bindings(connection, development=False).authenticate(ONE.der, "", NOW)
    assert (elsewhere.role, elsewhere.home, elsewhere.clearance) == (Role.APPLICATION, "", "N")
    assert acts_as(elsewhere) == {Role.APPLICATION}


def test_a_caller_speaks_for_its_own_community_only(connection: sqlite3.Connection) -> None:
    bindings = bound(connection, binding(PEER, role=Role.PEER, home=HOME_B), binding(ONE))
    peer, application = bindings.authenticate(PEER.der, "", NOW), bindings.authenticate(ONE.der, "", NOW)
    assert acts_as(peer) == {Role.PEER}
    check_home(peer, HOME_B)
    check_home(peer, "")
    check_home(application, "")
    for caller, claimed in ((peer, HOME_A), (peer, HOME_B + ".1"), (application, HOME_B)):
        with pytest.raises(NotPermitted):
            check_home(caller, claimed)


def test_name_and_clearance_can_change(connection: sqlite3.Connection) -> None:
    bindings = bound(connection, binding(PEER, role=Role.PEER, home=HOME_B))
    Bindings.change(connection, binding(PEER, role=Role.PEER, home=HOME_B, name="south", clearance="V"))
    bindings.reload(connection)
    caller = bindings.authenticate(PEER.der, "", NOW)
    assert (caller.name, caller.clearance) == ("south", "V")
    with pytest.raises(BadRecord, match="clearance"):
        Bindings.change(connection, binding(PEER, role=Role.PEER, home=HOME_B, clearance="all"))
    with pytest.raises(BadRecord, match="in force"):
        Bindings.change(connection, binding(ONE))
