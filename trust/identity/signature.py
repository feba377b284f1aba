"""One enveloped XML signature: its structure first, then two verifiers that must agree (federation-wire 4.5, 4.6).

Nothing outside SignedInfo and SignatureValue is believed; the key never comes from the message. What was signed is
given back as a fresh tree of the very bytes that were digested: whoever reads that tree reads nothing else (threats
S1 to S12). Our own verifier runs first, so that the library sees only what a known issuer has signed.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256, sha384, sha512
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from trust.errors import AssertionRefused
from trust.identity.names import DS, ENVELOPED, EXCLUSIVE_C14N, FAILED_CHECK, INVALID_TOKEN, UNSUPPORTED_ALGORITHM

Parse = Callable[[bytes], etree._Element]  # noqa: SLF001  lxml's one name of an element

_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_METHODS: Final[dict[str, tuple[type, hashes.HashAlgorithm]]] = {
    _MORE + "rsa-sha256": (rsa.RSAPublicKey, hashes.SHA256()),
    _MORE + "rsa-sha384": (rsa.RSAPublicKey, hashes.SHA384()),
    _MORE + "rsa-sha512": (rsa.RSAPublicKey, hashes.SHA512()),
    _MORE + "ecdsa-sha256": (ec.EllipticCurvePublicKey, hashes.SHA256()),
    _MORE + "ecdsa-sha384": (ec.EllipticCurvePublicKey, hashes.SHA384()),
}
_DIGESTS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": sha256,
    _MORE + "sha384": sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": sha512,
}
_LIBRARY: Final = SignatureConfiguration(
    location="./",
    expect_references=1,
    signature_methods=frozenset(SignatureMethod(name) for name in _METHODS),
    digest_algorithms=frozenset(DigestAlgorithm(name) for name in _DIGESTS),
)
LEAST_RSA_BITS: Final = 2048
_INCLUSIVE: Final = f"{{{EXCLUSIVE_C14N}}}InclusiveNamespaces"
# Of an issuer that nobody knows a signature is verified all the same, so that the time says nothing (S24).
_STAND_IN_RSA: Final = rsa.RSAPublicNumbers(
    65537, int.from_bytes(b"".join(sha256(bytes([n])).digest() for n in range(8))) | 1 << 2047 | 1
).public_key()
_NOBODY: Final = ec.generate_private_key(ec.SECP256R1())
_STAND_IN_EC: Final = _NOBODY.public_key()
_STAND_IN: Final = x509.CertificateBuilder(
    x509.Name([]), x509.Name([]), _STAND_IN_EC, 1, datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC)
).sign(_NOBODY, hashes.SHA256())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A signature whose structure is allowed. `signed_info` and `signed` are canonical bytes, not verified yet."""

    method: str
    value: bytes
    signed_info: bytes
    digest_method: str
    digest: bytes
    signed: bytes


def shape_of(root: etree._Element) -> Shape:
    """The one signature of `root`, a document of its own; it is a child of `root` and covers all of it.

    Raises:
        AssertionRefused: there is none or another one, or it refers to anything else.
    """
    found = list(root.iter(f"{{{DS}}}Signature"))
    if len(found) != 1 or found[0].getparent() is not root:
        what = "is not signed" if not found else "holds another signature than its own"
        raise AssertionRefused(INVALID_TOKEN, f"the assertion {what}")
    signed_info, value = _children(found[0], "SignedInfo", "SignatureValue", optional="KeyInfo")
    canonicalization, method, reference = _children(
        signed_info, "CanonicalizationMethod", "SignatureMethod", "Reference"
    )
    prefixes = _exclusive(canonicalization)
    if set(reference.attrib) != {"URI"} or reference.get("URI") != "#" + (root.get("ID") or ""):
        raise AssertionRefused(FAILED_CHECK, "the signature refers to something other than its assertion")
    transforms, digest_method, digest = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    inclusive = _transforms(transforms)
    if method.get("Algorithm") not in _METHODS or len(method):
        raise _algorithm(method)
    if digest_method.get("Algorithm") not in _DIGESTS or len(digest_method):
        raise _algorithm(digest_method)
    shape = Shape(
        method=str(method.get("Algorithm")),
        value=_base64(value),
        signed_info=_canonical(signed_info, prefixes),
        digest_method=str(digest_method.get("Algorithm")),
        digest=_base64(digest),
        signed=_without(root, found[0], inclusive),
    )
    if not shape.value or not shape.digest:
        raise AssertionRefused(FAILED_CHECK, "the signature is empty")
    return shape


def verify(
    raw: bytes, shape: Shape, certificates: Sequence[x509.Certificate], now: datetime, parse: Parse
) -> etree._Element:
    """Verify a signature and give back what it covers, parsed from the digested bytes.

    Args:
        raw: the bytes whose root `shape_of` looked at.
        shape: what it found.
        certificates: of the issuer, from our own records; without any the answer is no, after the same work.
        now: the certificate must be valid at this moment.
        parse: makes a tree of bytes, within bounds.

    Raises:
        AssertionRefused: the signature, the digest or every certificate is wrong.
    """
    digest = _DIGESTS[shape.digest_method](shape.signed).digest()
    same = hmac.compare_digest(digest, shape.digest)
    current = [one for one in certificates if one.not_valid_before_utc <= now <= one.not_valid_after_utc]
    signer = next((one for one in current or [_STAND_IN] if _holds(one.public_key(), shape)), None)
    if signer is None or signer is _STAND_IN or not same:
        raise AssertionRefused(FAILED_CHECK, _why(same=same, known=bool(certificates), current=bool(current)))
    if _second_opinion(raw, signer, now, parse) != shape.signed:
        raise AssertionRefused(FAILED_CHECK, "two verifiers do not agree on what was signed")
    return parse(shape.signed)


def _why(*, same: bool, known: bool, current: bool) -> str:
    if not known:
        return "the issuer of the assertion is not known here"
    if not current:
        return "the certificate of the issuer has ended, or is not valid yet"
    return "the signature is not that of the issuer" if same else "the assertion is not what was signed"


def _holds(key: object, shape: Shape) -> bool:
    kind, algorithm = _METHODS[shape.method]
    good = isinstance(key, kind) and _strong(key)
    if kind is rsa.RSAPublicKey:
        chosen = key if isinstance(key, rsa.RSAPublicKey) else _STAND_IN_RSA
        try:
            chosen.verify(shape.value, shape.signed_info, padding.PKCS1v15(), algorithm)
        except InvalidSignature:
            return False
        return good
    curve = key if isinstance(key, ec.EllipticCurvePublicKey) else _STAND_IN_EC
    half = (curve.key_size + 7) // 8
    if len(shape.value) != 2 * half:
        return False
    r, s = int.from_bytes(shape.value[:half]), int.from_bytes(shape.value[half:])
    try:
        curve.verify(utils.encode_dss_signature(r, s), shape.signed_info, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return good


def _strong(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= LEAST_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)


def _second_opinion(raw: bytes, signer: x509.Certificate, now: datetime, parse: Parse) -> bytes:
    """What the library says was signed; it never sees KeyInfo, which could only mislead it."""
    root = parse(raw)
    for info in root.findall(f"{{{DS}}}Signature/{{{DS}}}KeyInfo"):
        _take_out(info)
    expected = replace(_LIBRARY, verification_time=now)
    try:
        result = XMLVerifier().verify(root, x509_cert=signer, expect_config=expected, id_attribute="ID")
    except (SignXMLException, etree.LxmlError, ValueError) as fault:
        raise AssertionRefused(FAILED_CHECK, f"a second verifier refuses the signature: {fault}"[:200]) from None
    return b"" if isinstance(result, list) else result.signed_data


def _children(parent: etree._Element, *names: str, optional: str = "") -> list[etree._Element]:
    """Exactly these children in this order, the optional one last."""
    wanted = [f"{{{DS}}}{name}" for name in names]
    tags = [child.tag for child in parent]
    if tags not in (wanted, [*wanted, f"{{{DS}}}{optional}"]):
        name = etree.QName(parent).localname
        raise AssertionRefused(FAILED_CHECK, f"{name} of the signature holds something else than it may")
    return list(parent)[: len(names)]


def _exclusive(element: etree._Element) -> list[str]:
    """The prefixes that an exclusive canonicalization takes inclusively; none for most issuers."""
    if element.get("Algorithm") != EXCLUSIVE_C14N:
        raise _algorithm(element)
    inside = list(element)
    if not inside:
        return []
    if len(inside) > 1 or inside[0].tag != _INCLUSIVE or len(inside[0]):
        raise _algorithm(element)
    prefixes = (inside[0].get("PrefixList") or "").split()
    if len(prefixes) > 16:
        raise _algorithm(element)
    return prefixes


def _transforms(transforms: etree._Element) -> list[str]:
    """Enveloped signature, then exclusive canonicalization; nothing else is ever carried out (X9)."""
    enveloped, canonicalization = _children(transforms, "Transform", "Transform")
    if enveloped.get("Algorithm") != ENVELOPED or len(enveloped):
        raise _algorithm(enveloped)
    return _exclusive(canonicalization)


def _algorithm(element: etree._Element) -> AssertionRefused:
    name = etree.QName(element).localname
    return AssertionRefused(UNSUPPORTED_ALGORITHM, f"{name} {str(element.get('Algorithm'))[:120]!r} is not accepted")


def _base64(element: etree._Element) -> bytes:
    if len(element):
        raise AssertionRefused(FAILED_CHECK, "the signature is not base64")
    try:
        return binascii.a2b_base64("".join((element.text or "").split()).encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        raise AssertionRefused(FAILED_CHECK, "the signature is not base64") from None


def _canonical(element: etree._Element, prefixes: list[str]) -> bytes:
    try:
        return etree.tostring(
            element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes or None
        )
    except etree.C14NError:  # never taken for an empty text (X15)
        raise AssertionRefused(FAILED_CHECK, "the assertion has no canonical form") from None


def _without(root: etree._Element, signature: etree._Element, prefixes: list[str]) -> bytes:
    """The canonical form of `root` without its signature; `root` has it no more."""
    _take_out(signature)
    return _canonical(root, prefixes)


def _take_out(element: etree._Element) -> None:
    """Remove an element and leave the text behind it in its place."""
    parent, before = element.getparent(), element.getprevious()
    assert parent is not None  # noqa: S101  it is no root
    if element.tail and before is not None:
        before.tail = (before.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)
