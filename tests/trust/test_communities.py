"""The file by which two nodes are connected, and the communities a node knows."""

from __future__ import annotations

import base64
import json
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trust.pki import making
from tests.trust.pki.making import HOME_A, HOME_B, NOW, SERVER, Issued, crooked, database
from trust.communities import AssertionIdentity, AuditIdentity, Community, export, read_export
from trust.community_store import Communities
from trust.errors import BadCommunity, BadRecord, NotAuthenticated
from trust.identity.caller import Role
from trust.ledger.checkpoint import NoteSigner
from trust.pki.bindings import Bindings
from trust.pki.certificates import to_pem

CA = making.authority()
NODE = making.node_certificate(CA, hosts=("north.example.org", "203.0.113.7"))
PUBLIC = NoteSigner("north.example.org/audit", bytes(range(32))).key.public
AUDIT = AuditIdentity(log="north.example.org/audit", key=PUBLIC)
ENCODED = base64.b64encode(b"\x01" + PUBLIC).decode()
RENEWED = making.node_certificate(CA, hosts=("north.example.org",))


def community(node: Issued = NODE, **values: object) -> Community:
    return Community(
        **{
            "home": HOME_B,
            "name": "North Hospital \u5317",
            "endpoints": {
                "iti-38": "https://north.example.org:8443/iti-38",
                "iti-39": "https://north.example.org:8443/iti-39",
            },
            "certificates": to_pem([node.certificate, CA.certificate]),
            "fingerprint": node.fingerprint,
            "assigning_authority": "2.999.2.1",
            "repository_unique_ids": ("2.999.2.2", "2.999.2.3"),
            "audit": AUDIT,
            **values,
        }
    )


def changed(**values: object) -> str:
    content = json.loads(export(community()))
    for key, value in values.items():
        if value is ...:
            del content[key]
        else:
            content[key] = value
    return json.dumps(content)


def test_what_is_exported_can_be_read() -> None:
    assert read_export(export(community()), now=NOW) == community()


NAMES = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=100)
OIDS = st.integers(1, 10**20).map(lambda number: f"2.999.{number}")


@settings(deadline=None)
@given(NAMES, OIDS, st.lists(OIDS, unique=True, max_size=5), st.one_of(st.just(""), OIDS))
def test_any_community_survives_the_journey(name: str, home: str, repositories: list[str], authority: str) -> None:
    made = community(
        name=name, home=f"urn:oid:{home}", repository_unique_ids=tuple(repositories), assigning_authority=authority
    )
    assert read_export(export(made), now=NOW) == made


def test_keys_of_a_newer_node_are_passed_over() -> None:
    assert read_export(changed(ledger_key="abc"), now=NOW) == community()
    audit = {"log": AUDIT.log, "key": ENCODED, "mirror": "abc"}
    assert read_export(changed(audit=audit), now=NOW) == community()


def test_a_community_without_an_audit_log_is_read() -> None:
    assert read_export(changed(audit=...), now=NOW) == community(audit=None)


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ("north.example.org/audit/2026", True),
        ("north.example.org/audit/2027", True),
        ("north.example.org/audit", False),
        ("north.example.org/audit/", False),
        ("north.example.org/audit/26", False),
        ("north.example.org/audit/\u0662\u0660\u0662\u0666", False),
        ("north.example.org/audit/2026/2026", False),
        ("south.example.org/audit/2026", False),
        ("2026", False),
    ],
)
def test_one_key_signs_every_year_of_a_log_and_nothing_else(origin: str, known: bool) -> None:
    key = AUDIT.key_of(origin)
    assert (key is not None) is known
    if key is not None:
        assert key == NoteSigner(origin, bytes(range(32))).key


E38, E39 = community().endpoints["iti-38"], community().endpoints["iti-39"]


ISSUER = AssertionIdentity(issuer="https://idp.north.example.org", certificates=to_pem([CA.certificate]))


def test_who_vouches_for_the_users_comes_with_the_description() -> None:
    whole = community(assertions=(AssertionIdentity(issuer=HOME_B, certificates=to_pem([NODE.certificate])), ISSUER))
    assert read_export(export(whole), now=NOW) == whole
    assert read_export(export(community()), now=NOW).assertions == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({}, "not a list", id="no list"),
        pytest.param([{}] * 17, "not a list of at most", id="too many"),
        pytest.param(["x"], "not an object", id="no object"),
        pytest.param([{"issuer": "x"}], "not an object", id="no certificate"),
        pytest.param([{"issuer": "", "certificates": "x"}], "not a name", id="no name"),
        pytest.param([{"issuer": "x\n", "certificates": "x"}], "not a name", id="line break"),
        pytest.param([{"issuer": "x", "certificates": "x"}], "no PEM", id="no PEM"),
        pytest.param([{"issuer": "x", "certificates": 3}], "no PEM", id="no text"),
        pytest.param([{"issuer": HOME_A, "certificates": ISSUER.certificates}], "this node itself", id="our name"),
    ],
)
def test_issuers_that_are_wrong(given: object, said: str) -> None:
    with pytest.raises(BadCommunity, match=said):
        read_export(changed(assertions=given), now=NOW, own_home=HOME_A)


def test_an_issuer_belongs_to_one_community() -> None:
    """T17: nobody can bring a key for the name under which another community's users are known."""
    connection = database()
    Communities.add(connection, community(assertions=(ISSUER,)), NOW)
    other = community(RENEWED, home="urn:oid:2.999.77", name="Other", audit=None, assertions=(ISSUER,))
    with pytest.raises(BadRecord, match="belongs to one community"):
        Communities.add(connection, other, NOW)
    Communities.replace(connection, community(assertions=(ISSUER,)), NOW, keep_previous=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "not JSON", id="nothing"),
        pytest.param("[]", "not a JSON object", id="a list"),
        pytest.param('{"format": 1, "format": 1}', "twice", id="a key twice"),
        pytest.param('{"format": NaN}', "not JSON", id="NaN"),
        pytest.param("[" * 50_000, "not JSON", id="50,000 brackets"),
        pytest.param(" " * 70_000, "more than", id="too long"),
        pytest.param(changed(format=2), "format is not 1", id="a later format"),
        pytest.param(changed(format=True), "format is not 1", id="true is not 1"),
        pytest.param(changed(home_community_id="2.999.2"), "not urn:oid:", id="a bare OID"),
        pytest.param(changed(home_community_id="urn:oid:2.999.02"), "not urn:oid:", id="a leading zero"),
        pytest.param(changed(home_community_id="urn:oid:2.999." + "1" * 60), "not urn:oid:", id="a long OID"),
        pytest.param(changed(home_community_id=HOME_A), "this node's own", id="this node's own home"),
        pytest.param(changed(home_community_id=...), "not urn:oid:", id="no home"),
        pytest.param(changed(name=""), "printable", id="no name"),
        pytest.param(changed(name="a\u202eb"), "printable", id="a name that turns the reading direction"),
        pytest.param(changed(name="a\nb"), "printable", id="a name of two lines"),
        pytest.param(changed(name=7), "printable", id="a number for a name"),
        pytest.param(changed(assigning_authority="x"), "assigning_authority", id="no OID"),
        pytest.param(changed(assigning_authority=None), "assigning_authority", id="null for an OID"),
        pytest.param(changed(repository_unique_ids=["2.999.1", "2.999.1"]), "twice", id="a repository twice"),
        pytest.param(changed(repository_unique_ids="2.999.1"), "list of OIDs", id="no list"),
        pytest.param(changed(repository_unique_ids=[["2.999.1"]]), "list of OIDs", id="a list of lists"),
        pytest.param(changed(fingerprint="00" * 32), "not the fingerprint", id="another fingerprint"),
        pytest.param(changed(fingerprint=...), "64 hex digits", id="no fingerprint"),
        pytest.param(changed(audit=[]), "audit is not an object", id="audit is no object"),
        pytest.param(changed(audit=None), "audit is not an object", id="audit is null"),
        pytest.param(changed(audit={"log": AUDIT.log}), "audit: key", id="audit without a key"),
        pytest.param(changed(audit={"key": ENCODED}), "audit: log", id="audit without a name"),
        pytest.param(changed(audit={"log": "a b/audit", "key": ENCODED}), "audit: log", id="a space in the name of a log"),
        pytest.param(changed(audit={"log": "a+b/audit", "key": ENCODED}), "audit: log", id="a plus sign in the name of a log"),
        pytest.param(changed(audit={"log": "a" * 201, "key": ENCODED}), "audit: log", id="a long name of a log"),
        pytest.param(changed(audit={"log": AUDIT.log, "key": ENCODED[:-4]}), "audit: key", id="a short audit key"),
        pytest.param(changed(audit={"log": AUDIT.log, "key": ENCODED + "\n"}), "audit: key", id="a line break after an audit key"),
        pytest.param(changed(audit={"log": AUDIT.log, "key": "BA" + ENCODED[2:]}), "audit: key", id="a key of another algorithm"),
        pytest.param(changed(certificates=...), "not PEM", id="no certificate"),
        pytest.param(changed(certificates="abc"), "no PEM", id="no PEM"),
        pytest.param(changed(endpoints={"iti-38": E38}), "no iti-39", id="no ITI-39"),
        pytest.param(changed(endpoints=[]), "endpoints is not", id="no object"),
        pytest.param(changed(endpoints={"iti-38": E38, "iti-39": 7}), "not a URL", id="a number"),
        pytest.param(changed(endpoints={"iti-38": E38, "iti-39": E39, "ITI 18": E38}), "name of an endpoint", id="no endpoint's name"),
        pytest.param(changed(endpoints={"iti-38": E38, "iti-39": E39, "fhir": "http://north.example.org/"}), "https", id="a plain URL beside"),
        pytest.param(changed(endpoints={"iti-38": E38, "iti-39": "https://south.example.org/"}), "does not name", id="a host the certificate does not name"),
        pytest.param(changed(endpoints={"iti-38": E38, "iti-39": "https://127.0.0.1/"}), "this machine", id="loopback"),
        pytest.param(changed(endpoints={"iti-38": E38, "iti-39": "https://203.0.113.7/"}), "not a public address", id="an address that is not public"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(BadCommunity, match=said):
        read_export(text, now=NOW, own_home=HOME_A)


def test_every_fault_is_named_at_once() -> None:
    text = changed(name="", home_community_id="x", fingerprint="", endpoints={"iti-38": "http://10.0.0.1/"})
    with pytest.raises(BadCommunity) as refused:
        read_export(text, now=NOW)
    assert len(refused.value.faults) == 6


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param({"end": NOW - timedelta(minutes=1)}, "ended on", id="ended"),
        pytest.param({"eku": [SERVER]}, "not for TLS clients", id="not for calling"),
        pytest.param({"ca": True, "cert_sign": True}, "is a CA", id="a CA"),
        pytest.param({"names": [making.x509.DNSName("*.example.org")]}, "does not name", id="a wildcard"),
        pytest.param({"names": []}, "does not name", id="no name"),
    ],
)
def test_a_certificate_that_is_refused(wrong: dict, said: str) -> None:
    node = crooked(CA, **{"names": [making.x509.DNSName("north.example.org")], **wrong})
    with pytest.raises(BadCommunity, match=said):
        read_export(export(community(node)), now=NOW)


def test_a_private_address_only_where_an_administrator_named_it() -> None:
    text = changed(endpoints={"iti-38": "https://203.0.113.7/", "iti-39": "https://203.0.113.7/"})
    assert read_export(text, now=NOW, permitted=["203.0.113.0/24"]).endpoints["iti-38"] == "https://203.0.113.7/"


def test_loopback_between_development_nodes() -> None:
    node = making.node_certificate(CA)
    text = export(community(node, endpoints={"iti-38": "https://localhost:1/", "iti-39": "https://[::1]:1/"}))
    assert read_export(text, now=NOW, development=True).fingerprint == node.fingerprint
    with pytest.raises(BadCommunity):
        read_export(text, now=NOW)


# The store.


@pytest.fixture
def connection() -> sqlite3.Connection:
    return database()


def test_a_community_is_connected_and_disconnected(connection: sqlite3.Connection) -> None:
    north = community(clearance="R")
    Communities.add(connection, north, NOW)
    known, bindings = Communities(connection), Bindings(connection)
    assert known.all() == (north,)
    assert known.get(HOME_B) == north
    assert known.get(HOME_A) is None
    assert known.pins() == (NODE.pem,)
    caller = bindings.authenticate(NODE.der, "", NOW)
    assert (caller.role, caller.home, caller.name, caller.clearance) == (Role.PEER, HOME_B, north.name, "R")
    Communities.remove(connection, HOME_B)
    known.reload(connection)
    bindings.reload(connection)
    assert known.all() == ()
    with pytest.raises(NotAuthenticated):
        bindings.authenticate(NODE.der, "", NOW)
    Communities.add(connection, north, NOW)


def test_nobody_is_connected_twice(connection: sqlite3.Connection) -> None:
    Communities.add(connection, community(), NOW)
    with pytest.raises(BadRecord, match="connected already"):
        Communities.add(connection, community(RENEWED), NOW)
    with pytest.raises(BadRecord, match="stands for"):
        Communities.add(connection, community(home="urn:oid:2.999.3"), NOW)
    with pytest.raises(BadRecord, match="not connected"):
        Communities.remove(connection, HOME_A)
    with pytest.raises(BadRecord, match="not connected"):
        Communities.replace(connection, community(home=HOME_A), NOW, keep_previous=False)


def test_the_name_of_an_audit_log_belongs_to_one_community(connection: sqlite3.Connection) -> None:
    other = making.node_certificate(CA, hosts=("north.example.org",))
    Communities.add(connection, community(), NOW)
    with pytest.raises(BadRecord, match="cannot have one log"):
        Communities.add(connection, community(RENEWED, home="urn:oid:2.999.4"), NOW)
    elsewhere = AuditIdentity(log="south.example.org/audit", key=PUBLIC)
    Communities.add(connection, community(other, home="urn:oid:2.999.3", audit=elsewhere), NOW)
    with pytest.raises(BadRecord, match="cannot have one log"):
        Communities.replace(connection, community(other, home="urn:oid:2.999.3"), NOW, keep_previous=False)


def test_whether_a_receipt_is_required_is_kept(connection: sqlite3.Connection) -> None:
    Communities.add(connection, community(audit_proof="required"), NOW)
    known = Communities(connection)
    assert known.get(HOME_B).audit_proof == "required"
    Communities.replace(connection, community(), NOW, keep_previous=False)
    known.reload(connection)
    assert known.get(HOME_B).audit_proof == "optional"


def test_a_new_certificate_replaces_the_old_one(connection: sqlite3.Connection) -> None:
    Communities.add(connection, community(), NOW)
    Communities.replace(connection, community(RENEWED), NOW, keep_previous=False)
    bindings = Bindings(connection)
    bindings.authenticate(RENEWED.der, "", NOW)
    with pytest.raises(NotAuthenticated, match="revoked"):
        bindings.authenticate(NODE.der, "", NOW)
    assert Communities(connection).pins() == (RENEWED.pem,)


def test_both_certificates_count_during_a_change(connection: sqlite3.Connection) -> None:
    Communities.add(connection, community(), NOW)
    Communities.replace(connection, community(RENEWED), NOW, keep_previous=True)
    bindings = Bindings(connection)
    for node in (NODE, RENEWED):
        assert bindings.authenticate(node.der, "", NOW).home == HOME_B
    assert Communities(connection).get(HOME_B).pins == RENEWED.pem + NODE.pem
    third = making.node_certificate(CA, hosts=("north.example.org",))
    Communities.replace(connection, community(third), NOW, keep_previous=True)
    bindings.reload(connection)
    assert Communities(connection).pins() == (third.pem + RENEWED.pem,)
    with pytest.raises(NotAuthenticated, match="revoked"):
        bindings.authenticate(NODE.der, "", NOW)


def test_addresses_and_clearance_change_with_the_same_certificate(connection: sqlite3.Connection) -> None:
    Communities.add(connection, community(), NOW)
    moved = community(name="South", clearance="V", endpoints={"iti-38": E38 + "x", "iti-39": E39})
    Communities.replace(connection, moved, NOW, keep_previous=False)
    assert Communities(connection).get(HOME_B) == moved
    assert Bindings(connection).authenticate(NODE.der, "", NOW).clearance == "V"
    with pytest.raises(BadRecord, match="clearance"):
        Communities.replace(connection, replace(moved, clearance="*"), NOW, keep_previous=False)
