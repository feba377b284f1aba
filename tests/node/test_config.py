"""node.toml: every fault is reported with its key, all at once."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.configuration import readers
from node.configuration.config import load, parse, template
from node.configuration.settings import SECTIONS
from node.faults import Exit, Faults

ROOT = Path("/srv/node")
NODE = """
[node]
name = "Klinik Nord"
home_community_id = "urn:oid:2.999.1"
repository_unique_id = "2.999.2"
assigning_authority = "2.999.3"
"""


def faults(text: str) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as raised:
        parse(text, ROOT)
    assert raised.value.status is Exit.USAGE
    for fault in raised.value.faults:
        assert fault.cause
        assert fault.next_step
    return [
        (fault.code, fault.place.removeprefix(f"{ROOT}/node.toml").removeprefix(", ")) for fault in raised.value.faults
    ]


ISSUER = '[[xua.issuers]]\nname = "a"\nissuer = "https://i"\ncertificates = ["i.pem"]\n'
TOKENS = '[[iua.issuers]]\nname = "a"\nissuer = "https://i"\njwks_url = "https://a/keys"\n'


def test_private_hosts_and_networks_that_may_be_called() -> None:
    named = ["clinic.lan", "10.1.0.0/16", "10.2.0.9", "fd00::/8", "::1", "LAB-1"]
    assert parse(NODE + f"[federation]\npermitted_hosts = {json.dumps(named)}", ROOT).federation.permitted_hosts == (
        *named,
    )


def test_defaults_of_a_minimal_file() -> None:
    config = parse(NODE, ROOT)
    assert config.base_url == "https://localhost:8001"
    assert (config.port("mllp"), config.port("management")) == (8002, 8009)
    assert config.federation.deadline == 8.0
    assert config.registry.known_patients_required
    assert config.folder.database == ROOT / "data/node.db"
    assert config.folder.head == ROOT / "keys/head.db"
    assert config.mllp.listener == "off"


def test_audit_repositories() -> None:
    text = (
        NODE
        + """
[audit]
head_path = "elsewhere.db"
[[audit.repositories]]
name = "regional"
host = "arr.region.example"
enterprise_number = 32473
[[audit.repositories]]
name = "own"
host = "10.0.0.7"
port = 10514
ca = "keys/arr-ca.pem"
certificate = "keys/syslog.pem"
private_key = "keys/syslog.key"
checkpoints = false
"""
    )
    first, second = parse(text, ROOT).audit.repositories
    assert (first.name, first.port, first.enterprise_number, first.ca, first.checkpoints) == (
        "regional",
        6514,
        32473,
        "",
        True,
    )
    assert (second.host, second.port, second.private_key, second.checkpoints) == (
        "10.0.0.7",
        10514,
        "keys/syslog.key",
        False,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[node", [("config.syntax", "")], id="not TOML"),
        pytest.param(NODE + "[nod]\na = 1", [("config.unknown", "[nod]")], id="unknown section"),
        pytest.param(NODE + "hots = 'x'", [("config.unknown", "[node] hots")], id="unknown key"),
        pytest.param("node = 3", [("config.type", "node")], id="section that is a value"),
        pytest.param(NODE.replace("name =", "nome ="), [("config.unknown", "[node] nome"), ("config.missing", "[node] name")], id="misspelled required key"),
        pytest.param(NODE + "[audit]\nrepositories = 3", [("config.value", "[audit] repositories")], id="no list of repositories"),
        pytest.param(NODE + "[[audit.repositories]]\nname = 'a'", [("config.value", "[audit] repositories")], id="repository without a host"),
        pytest.param(NODE + "[[audit.repositories]]\nname = 'a b'\nhost = 'h'", [("config.value", "[audit] repositories")], id="repository whose name is no word"),
        pytest.param(NODE + "[[audit.repositories]]\nname = 'a'\nhost = 'h'\nprot = 1", [("config.value", "[audit] repositories")], id="repository with a misspelled key"),
        pytest.param(NODE + "[[audit.repositories]]\nname = 'a'\nhost = 'h'\n" * 2, [("config.value", "[audit] repositories")], id="two repositories of one name"),
        pytest.param(NODE + "[[audit.repositories]]\nname = 'a'\nhost = 'h'\ncertificate = 'c.pem'", [("config.value", "[[audit.repositories]] a")], id="repository with half a certificate"),
        pytest.param(NODE + ISSUER * 2, [("config.value", "[xua] issuers")], id="two identity providers of one name"),
        pytest.param(NODE + ISSUER + ISSUER.replace('"a"', '"b"'), [("config.value", "[[xua.issuers]] a"), ("config.value", "[[xua.issuers]] b")], id="one issuer twice"),
        pytest.param(NODE + ISSUER.replace("https://i", "urn:oid:2.999.1"), [("config.value", "[[xua.issuers]] a")], id="issuer with our name"),
        pytest.param(NODE + '[federation]\npermitted_hosts = ["10.1.0.5/16"]', [("config.value", "[federation] permitted_hosts")], id="a network that is none"),
        pytest.param(NODE + '[federation]\npermitted_hosts = ["10.1.0.256"]', [("config.value", "[federation] permitted_hosts")], id="an address that is none"),
        pytest.param(NODE + '[subscriptions]\nrecipients = ["https://practice.example"]', [("config.value", "[subscriptions] recipients")], id="a URL instead of a host"),
        pytest.param(NODE + TOKENS + TOKENS.replace('"a"', '"b"'), [("config.value", "[[iua.issuers]] a"), ("config.value", "[[iua.issuers]] b")], id="one authorization server twice"),
        pytest.param(NODE + TOKENS.replace("https://a/", "http://a/"), [("config.value", "[[iua.issuers]] a")], id="keys over http"),
        pytest.param(NODE + TOKENS + 'jwks = "keys/as.json"', [("config.value", "[[iua.issuers]] a")], id="keys in two places"),
        pytest.param(NODE + TOKENS.replace("jwks_url", "# "), [("config.value", "[[iua.issuers]] a")], id="keys nowhere"),
        pytest.param(NODE + ISSUER + 'communities = ["2.999.1"]', [("config.value", "[xua] issuers")], id="issuer for no homeCommunityId"),
        pytest.param(NODE + ISSUER + 'confirmations = ["nod"]', [("config.value", "[xua] issuers")], id="unknown confirmation"),
        pytest.param(NODE + '[xua]\npeers = "on"', [("config.value", "[xua] peers")], id="unknown mode"),
        pytest.param(NODE + "[xua]\nskew_seconds = 61", [("config.value", "[xua] skew_seconds")], id="too much skew"),
        pytest.param("", [("config.missing", f"[node] {key}") for key in ("name", "home_community_id", "repository_unique_id", "assigning_authority")], id="empty file"),
        pytest.param(NODE.replace("Klinik Nord", "x" * 101), [("config.value", "[node] name")], id="name too long"),
        pytest.param(NODE.replace("Klinik Nord", ""), [("config.value", "[node] name")], id="no name"),
        pytest.param(NODE + "port_base = '18000'", [("config.value", "[node] port_base")], id="number as text"),
        pytest.param(NODE + "port_base = true", [("config.value", "[node] port_base")], id="flag as number"),
        pytest.param(NODE + "port_base = 65530", [("config.value", "[node] port_base")], id="ports beyond 65535"),
        pytest.param(NODE + "port_base = 80", [("config.value", "[node] port_base")], id="privileged ports"),
        pytest.param(NODE + "development = 'yes'", [("config.value", "[node] development")], id="flag as text"),
        pytest.param(NODE + "host = 'https://x'", [("config.value", "[node] host")], id="host with scheme"),
        pytest.param(NODE + "public_url = 'http://x'", [("config.value", "[node] public_url")], id="public URL without TLS"),
        pytest.param(NODE + "public_url = 'https://a@x'", [("config.value", "[node] public_url")], id="public URL with user"),
        pytest.param(NODE + "public_url = 'https://x:99999'", [("config.value", "[node] public_url")], id="public URL with bad port"),
        pytest.param(NODE + "public_url = 'https://x/y'", [("config.value", "[node] public_url")], id="public URL with path"),
        pytest.param(NODE.replace("urn:oid:2.999.1", "2.999.1"), [("config.value", "[node] home_community_id")], id="home without urn:oid:"),
        pytest.param(NODE.replace("2.999.2", "2.0999.2"), [("config.value", "[node] repository_unique_id")], id="OID with leading zero"),
        pytest.param(NODE.replace("2.999.3", "2." + "9" * 70), [("config.value", "[node] assigning_authority")], id="OID too long"),
        pytest.param(NODE + "[federation]\ndeadline = 0", [("config.value", "[federation] deadline")], id="deadline of zero"),
        pytest.param(NODE + "[federation]\ndeadline = nan", [("config.value", "[federation] deadline")], id="deadline not a number"),
        pytest.param(NODE + "[federation]\ndefault_scope = 'all'", [("config.value", "[federation] default_scope")], id="unknown scope"),
        pytest.param(NODE + "[tls]\ncrl = 'x.pem'", [("config.value", "[tls] crl")], id="text for a list"),
        pytest.param(NODE + "[submit]\nclass_code = 'REPORTS'", [("config.value", "[submit] class_code")], id="code without scheme"),
        pytest.param(NODE + "[submit]\nclass_code = {code='', scheme='a', display='b'}", [("config.value", "[submit] class_code")], id="empty code"),
        pytest.param(NODE + 'development = true\nlisten = "0.0.0.0"', [("config.development", "[node] listen")], id="development on the network"),
        pytest.param(NODE + 'listen = ""\n[mllp]\nlistener = "plain"', [("config.mllp", "[mllp] listener")], id="plain feed on the network"),
        pytest.param(NODE + "port_base = 1\nnome = 'x'\n[federation]\ndeadline = 99\n[x]", [("config.unknown", "[x]"), ("config.unknown", "[node] nome"), ("config.value", "[node] port_base"), ("config.value", "[federation] deadline")], id="all faults at once"),
    ],
)  # fmt: skip
def test_faults_name_their_key(text: str, expected: list[tuple[str, str]]) -> None:
    assert faults(text) == expected


def test_folder_without_configuration(tmp_path: Path) -> None:
    with pytest.raises(Faults) as raised:
        load(tmp_path)
    assert raised.value.faults[0].code == "config.no-node"


def test_the_written_template_is_read_back() -> None:
    node = {
        "name": 'Klinik "Süd" \\',
        "home_community_id": "urn:oid:2.999.1",
        "repository_unique_id": "2.999.2",
        "assigning_authority": "2.999.3",
    }
    text = template(node, {"mllp": {"listener": "plain"}})
    config = parse(text, ROOT)
    assert (config.node.name, config.mllp.listener) == (node["name"], "plain")
    for section in SECTIONS:
        assert f"[{section}]" in text
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines())
    assert parse(uncommented, ROOT) == config


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_written_as_toml_is_read_back(value: str) -> None:
    try:
        readers.name(value)
    except readers.Unusable:
        return
    assert parse(NODE.replace('"Klinik Nord"', readers.as_toml(value)), ROOT).node.name == value


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_read_somewhere(section: str) -> None:
    """A key without effect would be a promise that nobody keeps."""
    node = Path(__file__).parents[2] / "node"
    code = "".join(path.read_text() for path in node.rglob("*.py") if path.name != "settings.py")
    for item in fields(SECTIONS[section]):
        assert re.search(rf"\.{item.name}\b", code), f"[{section}] {item.name}"
