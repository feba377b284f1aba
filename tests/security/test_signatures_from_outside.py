"""Assertions and xmlsec1: it verifies what this node signs, and this node verifies what it signs, and neither what was changed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.end_to_end.nodes import Node, free_base
from tests.trust.identity.assertions import NOW, certificate, draft, issuer, new_key, parse, rsa_key
from trust.errors import AssertionRefused
from trust.identity import saml
from trust.identity.issuers import Issuers
from trust.identity.making import signed

ID = "urn:oasis:names:tc:SAML:2.0:assertion:Assertion"
ALGORITHMS = {
    "rsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ecdsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}


@pytest.fixture
def xmlsec1() -> str:
    found = shutil.which("xmlsec1")
    assert found, "apt-get install xmlsec1"
    return found


def lax(xmlsec1: str) -> list[str]:
    """Since 1.3 a key that the document does not name must be allowed."""
    version = subprocess.run([xmlsec1, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = map(int, re.search(r"(\d+)\.(\d+)", version).groups())
    return ["--lax-key-search"] if (major, minor) >= (1, 3) else []


def verified(xmlsec1: str, path: Path, pem: Path) -> bool:
    command = [xmlsec1, "--verify", *lax(xmlsec1), "--pubkey-cert-pem", str(pem), "--id-attr:ID", ID, str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def node(tmp_path_factory) -> Node:
    folder = tmp_path_factory.mktemp("signatures")
    return Node(folder / "node", free_base(), "Institution", forked=False).init(folder / "ca")


@pytest.mark.parametrize("variant", ["valid", "expired", "withauthzconsent", "secondrole", "unsigned"])
def test_what_the_node_signs(node: Node, xmlsec1: str, variant: str, tmp_path: Path) -> None:
    path = tmp_path / "assertion.xml"
    path.write_text(node.run("assertion", "--variant", variant).stdout)
    assert verified(xmlsec1, path, node.folder / "keys" / "assertion.pem") is (variant != "unsigned")


def test_what_was_changed(node: Node, xmlsec1: str, tmp_path: Path) -> None:
    raw = node.run("assertion").stdout
    path = tmp_path / "assertion.xml"
    changed = re.sub(r"(<saml2:NameID[^>]*>)", r"\1x", raw, count=1)
    assert changed != raw
    path.write_text(changed)
    assert not verified(xmlsec1, path, node.folder / "keys" / "assertion.pem")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_xmlsec1_signs(xmlsec1: str, algorithm: str, tmp_path: Path) -> None:
    key = rsa_key() if algorithm == "rsa-sha256" else new_key()
    cert = certificate(key)
    template = signed(draft(), new_key(), certificate(new_key())).decode()
    template = re.sub(r"<ds:(DigestValue|SignatureValue)>[^<]*<", r"<ds:\1><", template)
    template = re.sub(r"<ds:KeyInfo>.*</ds:KeyInfo>", "", template, flags=re.DOTALL)
    template = template.replace(ALGORITHMS["ecdsa-sha256"], ALGORITHMS[algorithm])
    source, out, secret = tmp_path / "template.xml", tmp_path / "signed.xml", tmp_path / "key.pem"
    source.write_text(template)
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    subprocess.run(
        [
            *(xmlsec1, "--sign", *lax(xmlsec1), "--privkey-pem", str(secret), "--id-attr:ID", ID),
            *("--output", str(out), str(source)),
        ],
        check=True,
        capture_output=True,
    )
    raw = re.sub(rb"^<\?xml[^>]*\?>\s*", b"", out.read_bytes()).strip()
    trusted = Issuers([issuer(certificates=(cert,))])
    assertion, _ = saml.authentic(raw, trusted, NOW, parse)
    assert assertion.name == "Jane Doe"
    with pytest.raises(AssertionRefused):
        saml.authentic(raw.replace(b"Jane Doe", b"Jane Roe"), trusted, NOW, parse)
