"""Issuers, assertions and ways to damage them, for the tests of `trust.identity`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod

from node.asserted import parse as bounded
from trust.audit.event import Coded
from trust.identity import saml
from trust.identity.issuers import Issuer, Issuers, ValueSet
from trust.identity.making import LIFETIME, Draft, signed

NOW = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
OWN, OTHER = "urn:oid:2.999.10", "urn:oid:2.999.20"
IDP = "https://idp.alpha.example"
DOCTOR = Coded("112247003", "2.16.840.1.113883.6.96", "Medical doctor")
TREAT = Coded("TREAT", "2.16.840.1.113883.5.8", "treatment")
ROLES = ValueSet({("112247003", "2.16.840.1.113883.6.96"): "Medical doctor"})
PURPOSES = ValueSet({("TREAT", "2.16.840.1.113883.5.8"): "treatment"})
EXPECTED = saml.Expected(
    home=OWN,
    audiences=frozenset({OWN, "https://node.alpha.example:8001"}),
    recipients=("https://node.alpha.example:8001/",),
    roles=ROLES,
    purposes=PURPOSES,
)


@cache
def new_key(name: str = "idp") -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def certificate(key, begins=NOW - timedelta(days=1), ends=NOW + timedelta(days=365)) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begins, ends)
    return builder.sign(key, hashes.SHA256())


@cache
def idp_certificate() -> x509.Certificate:
    return certificate(new_key())


def draft(**changes) -> Draft:
    base = Draft(
        id="_7f0c",
        issuer=IDP,
        issued=NOW,
        not_before=NOW,
        not_on_or_after=NOW + LIFETIME,
        authenticated=NOW - timedelta(minutes=5),
        audiences=(OWN,),
        subject="jdoe@alpha.example",
        name="Jane Doe",
        organisation="Alpha Clinic",
        organisation_id="urn:oid:2.999.10.50",
        home=OWN,
        roles=(DOCTOR,),
        purposes=(TREAT,),
    )
    return replace(base, **changes)


def made(**changes) -> bytes:
    return signed(draft(**changes), new_key(), idp_certificate())


def issuer(**changes) -> Issuer:
    base = Issuer(name=IDP, certificates=(idp_certificate(),), homes=frozenset({OWN}))
    return replace(base, **changes)


def parse(data: bytes) -> etree._Element:
    return bounded(data)


def envelope(*security: bytes, header: bytes = b"", body: bytes = b"<b:x xmlns:b='urn:b'/>") -> etree._Element:
    """A message with the given contents in wsse:Security."""
    wsse = b"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
    blocks = b"".join(b'<wsse:Security xmlns:wsse="' + wsse + b'">' + one + b"</wsse:Security>" for one in security)
    soap = b"http://www.w3.org/2003/05/soap-envelope"
    return etree.fromstring(
        b'<s:Envelope xmlns:s="'
        + soap
        + b'"><s:Header>'
        + blocks
        + header
        + b"</s:Header><s:Body>"
        + body
        + b"</s:Body></s:Envelope>"
    )


def judged(message: etree._Element, *issuers: Issuer, expected=EXPECTED, now=NOW) -> saml.User | None:
    """All steps of one message, as the node takes them."""
    headers = [one for one in message[0] if str(one.tag).endswith("}Security")]
    found = saml.only_assertion(message, headers)
    if found is None:
        return None
    assertion, by = saml.authentic(saml.raw_bytes(found), Issuers(issuers or (issuer(),)), now, parse)
    return saml.accept(assertion, by, expected, now)


def user_of(raw: bytes, *issuers: Issuer, expected=EXPECTED, now=NOW) -> saml.User:
    user = judged(envelope(raw), *issuers, expected=expected, now=now)
    assert user is not None
    return user


@cache
def rsa_certificate() -> x509.Certificate:
    return certificate(rsa_key())


def signed_by_rsa(text: bytes) -> bytes:
    """Any text as an issuer with an RSA key signs it, by another program (signxml)."""
    root = etree.fromstring(text)
    root.insert(1, etree.Element("{http://www.w3.org/2000/09/xmldsig#}Signature", Id="placeholder"))
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm="rsa-sha256",
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    done = signer.sign(root, key=rsa_key(), cert=[rsa_certificate()], reference_uri="_7f0c", id_attribute="ID")
    return etree.tostring(done)
