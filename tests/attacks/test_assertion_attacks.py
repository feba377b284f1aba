"""Rows S1 to S24 and X9 of the attack catalogue: forged, damaged and misused assertions (ITI-40)."""

from __future__ import annotations

import copy
import sqlite3
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from tests.trust.identity import wrapping
from tests.trust.identity.assertions import (
    DOCTOR,
    EXPECTED,
    IDP,
    NOW,
    OTHER,
    OWN,
    TREAT,
    certificate,
    draft,
    envelope,
    idp_certificate,
    issuer,
    judged,
    made,
    new_key,
    parse,
    rsa_certificate,
    rsa_key,
    signed_by_rsa,
    user_of,
)
from trust import one_time
from trust.errors import AssertionRefused
from trust.identity import names, saml, signature
from trust.identity.issuers import Issuers
from trust.identity.making import signed, unsigned
from trust.identity.names import DS, SAML
from trust.identity.timestamp import check_timestamp
from trust.pki import tables

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}Security"


def refused(message: etree._Element | bytes, *issuers, code: str = "", expected=EXPECTED, now=NOW) -> str:
    """The reason; nothing but a refusal is good."""
    message = envelope(message) if isinstance(message, bytes) else message
    with pytest.raises(AssertionRefused) as raised:
        judged(message, *issuers, expected=expected, now=now)
    assert raised.value.code.startswith("wsse:")
    assert not code or raised.value.code == code, raised.value
    return str(raised.value)


def changed(old: str, new: str, raw: bytes | None = None) -> bytes:
    """A signed assertion in which a text was changed after it was signed."""
    raw = made() if raw is None else raw
    assert old.encode() in raw
    return raw.replace(old.encode(), new.encode())


def resigned(old: str, new: str, **changes) -> bytes:
    """An assertion that an issuer signed with this in it: the signature is right, the content is not."""
    text = unsigned(draft(**changes)).decode()
    assert old in text
    return signed_by_rsa(text.replace(old, new).encode())


RSA = issuer(certificates=(rsa_certificate(),))


# --- S1 to S8: signature wrapping -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "variant",
    [
        "S1-inside-the-signature",
        "S2-detached",
        "S3-forged-sibling-first",
        "S4-genuine-inside-forged",
        "S5-copy-behind",
        "S6-copy-inside-signature",
        "S7-extension",
        "S8-object",
    ],
)
def test_signature_wrapping(variant: str) -> None:
    """Each variant alone, with the ID of the genuine one, in a second header, and outside of the header."""
    wrapped = wrapping.VARIANTS[variant](made(), unsigned(draft(id="_evil", subject="mallory", name="Mallory")))
    for message in (
        envelope(wrapped),
        envelope(wrapped.replace(b"_evil", b"_7f0c")),
        envelope(made(), wrapped),
        envelope(made(), header=wrapped),
        envelope(made(), body=b"<x>" + wrapped + b"</x>"),
    ):
        refused(message)


def test_s1_the_genuine_one_alone_is_accepted() -> None:
    """What the variants are made of is good: nothing but the wrapping is refused."""
    assert user_of(made()).id == f"<jdoe@alpha.example@{IDP}>"


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["copy", "move", "forge", "text", "attribute", "comment", "wrap", "drop", "swap"]),
        st.integers(0, 200),
        st.integers(0, 200),
    ),
    min_size=1,
    max_size=4,
)


def _moved(message: etree._Element, move: str, first: int, second: int) -> None:
    """One random change of the tree below the header."""
    parts = list(message[0].iter("*"))
    one, other = parts[first % len(parts)], parts[second % len(parts)]
    inside = other in list(one.iter("*"))
    if move == "copy":
        other.append(copy.deepcopy(one))
    elif move == "move" and not inside and one.getparent() is not None and one is not message[0]:
        other.append(one)
    elif move == "forge":
        other.insert(second % (len(other) + 1), etree.fromstring(unsigned(draft(subject="mallory", name="Mallory"))))
    elif move == "text":
        one.text = (one.text or "") + "mallory"
    elif move == "attribute" and one.attrib:
        name = sorted(one.attrib)[second % len(one.attrib)]
        one.set(name, one.get(name) + "x")
    elif move == "comment":
        one.insert(0, etree.Comment("x"))
    elif move == "wrap" and one.getparent() is not None and one is not message[0]:
        around = etree.Element("{urn:w}wrapper")
        one.getparent().replace(one, around)
        around.append(one)
    elif move == "drop" and one is not message[0] and one.getparent() is not None:
        one.getparent().remove(one)
    elif move == "swap" and len(other) > 1:
        other.append(other[0])


GENUINE = user_of(made())


@settings(max_examples=400, deadline=None)
@given(MOVES)
def test_s1_to_s8_whatever_is_accepted_is_the_original(moves) -> None:
    message = envelope(made())
    for move, first, second in moves:
        _moved(message, move, first, second)
    again = etree.fromstring(etree.tostring(message))  # as it would arrive
    try:
        user = judged(again)
    except AssertionRefused:
        return
    assert user is None or user == GENUINE


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 4000), st.binary(max_size=3), st.integers(0, 3))
def test_s1_to_s8_a_changed_byte_is_refused_or_changes_nothing(place: int, new: bytes, gone: int) -> None:
    """Nothing but a refusal ever comes out of damaged bytes: no other exception, no other user."""
    raw = made()
    damaged = raw[: place % len(raw)] + new + raw[place % len(raw) + gone :]
    try:
        found = saml.authentic(damaged, Issuers((issuer(),)), NOW, parse)
        user = saml.accept(*found, EXPECTED, NOW)
    except AssertionRefused:
        return
    assert user == GENUINE


# --- S9 to S12: the signature itself ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("jdoe@alpha.example<", "jdoe@alpha.example<!--x-->.evil<", id="S9-name-id"),
        pytest.param(">Jane Doe<", ">Jane<!----> Doe<", id="S9-attribute"),
        pytest.param("</saml2:Subject>", "</saml2:Subject><?x y?>", id="S9-instruction"),
    ],
)
def test_comments(old: str, new: str) -> None:
    """Also where the issuer itself signed it: canonical XML does not cover comments."""
    refused(changed(old, new))
    refused(resigned(old, new), RSA)


def _signature(raw: bytes) -> str:
    text = raw.decode()
    return text[text.index("<ds:Signature") : text.index("</ds:Signature>") + 15]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: raw.replace(_signature(raw).encode(), b""), id="S10-no-signature"),
        pytest.param(lambda raw: _cut(raw, "<ds:SignedInfo", "</ds:SignedInfo>"), id="S10-no-signed-info"),
        pytest.param(
            lambda raw: _cut(raw, "<ds:CanonicalizationMethod", "</ds:Reference>"), id="S10-empty-signed-info"
        ),
        pytest.param(lambda raw: _cut(raw, "<ds:Reference", "</ds:Reference>"), id="S10-no-reference"),
        pytest.param(lambda raw: raw.replace(b'URI="#_7f0c"', b'URI=""'), id="S10-empty-uri"),
        pytest.param(lambda raw: raw.replace(b' URI="#_7f0c"', b""), id="S10-no-uri"),
        pytest.param(lambda raw: raw.replace(b'URI="#_7f0c"', b'URI="#xpointer(/)"'), id="S10-xpointer"),
        pytest.param(lambda raw: raw.replace(b'URI="#_7f0c"', b'URI="https://evil.example/x"'), id="S10-remote"),
        pytest.param(lambda raw: _twice(raw, "<ds:Reference", "</ds:Reference>"), id="S10-two-references"),
        pytest.param(lambda raw: _cut(raw, "<ds:SignatureValue>", "</ds:SignatureValue>"), id="S10-no-value"),
        pytest.param(lambda raw: _emptied(raw, "SignatureValue"), id="S10-empty-value"),
        pytest.param(lambda raw: _emptied(raw, "DigestValue"), id="S10-empty-digest"),
        pytest.param(lambda raw: _twice(raw, "<ds:Signature ", "</ds:Signature>"), id="S10-two-signatures"),
    ],
)
def test_signature_without_substance(damage) -> None:
    refused(damage(made()))


def _relocated(raw: bytes) -> bytes:
    found = _signature(raw).encode()
    return raw.replace(found, b"").replace(b"</saml2:Subject>", found + b"</saml2:Subject>")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(lambda raw: raw.replace(b"Jane Doe", b"Jane Roe"), "is not what was signed", id="S10-changed"),
        pytest.param(
            lambda raw: raw.replace(b'URI="#_7f0c"', b'URI="#_7f0d"'), "refers to something other", id="S10-other"
        ),
        pytest.param(_relocated, "another signature than its own", id="S10-inside-the-subject"),
        pytest.param(
            lambda raw: _twice(raw, "<ds:Signature ", "</ds:Signature>"),
            "another signature than its own",
            id="S10-twice",
        ),
        pytest.param(lambda raw: raw.replace(b"jdoe", b"j" * 70_000), "at most", id="S22-long-name"),
    ],
)
def test_our_own_verifier_sees_it_before_the_library(damage, said: str) -> None:
    """Each of the two verifiers refuses by itself; this is the first."""
    assert said in refused(damage(made()))


def _cut(raw: bytes, start: str, end: str) -> bytes:
    text = raw.decode()
    return (text[: text.index(start)] + text[text.index(end) + len(end) :]).encode()


def _twice(raw: bytes, start: str, end: str) -> bytes:
    text = raw.decode()
    last = text.index(end) + len(end)
    return (text[:last] + text[text.index(start) : last] + text[last:]).encode()


def _emptied(raw: bytes, name: str) -> bytes:
    text = raw.decode()
    start = text.index(f"<ds:{name}>") + len(f"<ds:{name}>")
    return (text[:start] + text[text.index(f"</ds:{name}>") :]).encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(MORE + "ecdsa-sha256", MORE + "hmac-sha256", id="S11-hmac"),
        pytest.param(MORE + "ecdsa-sha256", DS + "hmac-sha1", id="S11-hmac-sha1"),
        pytest.param(MORE + "ecdsa-sha256", DS + "rsa-sha1", id="S11-rsa-sha1"),
        pytest.param(MORE + "ecdsa-sha256", DS + "dsa-sha1", id="S11-dsa"),
        pytest.param(MORE + "ecdsa-sha256", MORE + "ecdsa-sha1", id="S11-ecdsa-sha1"),
        pytest.param(MORE + "ecdsa-sha256", MORE + "rsa-md5", id="S11-md5"),
        pytest.param(f'Algorithm="{MORE}ecdsa-sha256"', "", id="S11-none"),
        pytest.param(
            "</ds:SignatureMethod>",
            "<ds:HMACOutputLength>1</ds:HMACOutputLength></ds:SignatureMethod>",
            id="S11-length",
        ),
        pytest.param("http://www.w3.org/2001/04/xmlenc#sha256", DS + "sha1", id="S11-digest-sha1"),
        pytest.param(names.ENVELOPED, "http://www.w3.org/TR/1999/REC-xslt-19991116", id="X9-xslt"),
        pytest.param(names.ENVELOPED, "http://www.w3.org/TR/1999/REC-xpath-19991116", id="X9-xpath"),
        pytest.param(names.ENVELOPED, "http://www.w3.org/2002/06/xmldsig-filter2", id="X9-filter"),
        pytest.param(names.ENVELOPED, DS + "base64", id="X9-base64"),
        pytest.param(
            f'"{names.EXCLUSIVE_C14N}"></ds:Transform>',
            f'"{names.EXCLUSIVE_C14N}WithComments"></ds:Transform>',
            id="X9-comments",
        ),
        pytest.param(
            f'"{names.EXCLUSIVE_C14N}"></ds:Can',
            '"http://www.w3.org/TR/2001/REC-xml-c14n-20010315"></ds:Can',
            id="X9-inclusive",
        ),
    ],
)
def test_algorithms(old: str, new: str) -> None:
    refused(changed(old, new), code=names.UNSUPPORTED_ALGORITHM)


def test_s11_another_kind_of_key() -> None:
    """RSA named, elliptic curve in our records, and the other way round."""
    refused(changed(MORE + "ecdsa-sha256", MORE + "rsa-sha256"), code=names.FAILED_CHECK)
    refused(made(), RSA, code=names.FAILED_CHECK)


def test_s11_weak_keys() -> None:
    """A short key, and a curve that nobody should use, however right the signature is."""
    short, curve = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())
    assert signature._strong(rsa_key().public_key())
    assert not signature._strong(short.public_key())
    assert not signature._strong(curve.public_key())
    refused(
        signed(draft(), curve, certificate(curve)), issuer(certificates=(certificate(curve),)), code=names.FAILED_CHECK
    )


def _with_key_info(content: str) -> bytes:
    mallory = signed(draft(subject="mallory"), new_key("mallory"), certificate(new_key("mallory")))
    text = mallory.decode()
    return text.replace(text[text.index("<ds:X509Data>") : text.index("</ds:X509Data>") + 14], content).encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            f"<ds:X509Data><ds:X509Certificate>{b64encode(certificate(new_key('mallory')).public_bytes(Encoding.DER)).decode()}"
            "</ds:X509Certificate></ds:X509Data>",
            id="S12-certificate",
        ),
        pytest.param(
            "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>",
            id="S12-key-value",
        ),
        pytest.param(
            '<ds:RetrievalMethod URI="https://127.0.0.1:1/key" Type="http://www.w3.org/2000/09/xmldsig#X509Data"/>',
            id="S12-retrieval-method",
        ),
    ],
)
def test_keys_in_the_message(content: str, monkeypatch) -> None:
    """They convince nobody, nobody is called for them, and an honest signature stands whatever is beside it."""
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("somebody is called"))
    refused(_with_key_info(content), code=names.FAILED_CHECK)
    text = made().decode()
    honest = text.replace(text[text.index("<ds:X509Data>") : text.index("</ds:X509Data>") + 14], content)
    assert user_of(honest.encode()) == GENUINE


# --- S13 to S18: time, replay, audience, key, community ---------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "after"),
    [
        pytest.param(made(), timedelta(minutes=5), id="S13-expired"),
        pytest.param(made(), timedelta(minutes=5, seconds=30), id="S13-expired-within-skew"),
        pytest.param(made(), timedelta(seconds=-61), id="S13-not-before"),
        pytest.param(made(issued=NOW + timedelta(minutes=2)), timedelta(), id="S13-issued-later"),
        pytest.param(made(authenticated=NOW + timedelta(minutes=2)), timedelta(), id="S13-signs-in-later"),
        pytest.param(made(not_on_or_after=NOW + timedelta(days=9)), timedelta(minutes=20), id="S13-oldest-age"),
        pytest.param(made(not_on_or_after=NOW), timedelta(seconds=-30), id="S13-ends-before-it-begins"),
    ],
)
def test_time(raw: bytes, after: timedelta) -> None:
    refused(raw, code=names.INVALID_TOKEN, now=NOW + after)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(' NotBefore="2026-03-01T10:15:00.000Z"', "", id="S13-no-not-before"),
        pytest.param(' NotOnOrAfter="2026-03-01T10:20:00.000Z"', "", id="S13-no-end"),
        pytest.param("10:20:00.000Z", "10:20:00.000", id="S13-no-zone"),
        pytest.param("2026-03-01T10:20", "9999-99-99T10:20", id="S13-no-instant"),
        pytest.param("saml2:Conditions", "saml2:Advice", id="S13-no-conditions"),
        pytest.param(
            'AuthnInstant="', 'SessionNotOnOrAfter="2026-03-01T10:15:00Z" AuthnInstant="', id="S13-session-ended"
        ),
    ],
)
def test_time_that_the_issuer_signed_wrongly(old: str, new: str) -> None:
    refused(resigned(old, new), RSA, code=names.INVALID_TOKEN)


def test_s14_used_twice_and_after_a_restart(tmp_path) -> None:
    path = tmp_path / "node.db"

    def use(id_: str, after: timedelta = timedelta()) -> bool:
        with sqlite3.connect(path) as connection:  # each time a new one: nothing is kept in memory
            return one_time.use(connection, issuer=IDP, id_=id_, until=NOW + timedelta(minutes=5), now=NOW + after)

    with sqlite3.connect(path) as connection:
        connection.execute(str(CreateTable(tables.used_assertion).compile(dialect=sqlite.dialect())))
    assert use("_1")
    assert not use("_1")
    assert use("_2")
    assert not use("_1", timedelta(minutes=4))
    with sqlite3.connect(path) as connection:
        assert one_time.use(connection, issuer="another", id_="_1", until=NOW, now=NOW)
    assert use("_3", timedelta(hours=1))
    with sqlite3.connect(path) as connection:  # what has ended is not kept
        assert connection.execute("SELECT id FROM used_assertion").fetchall() == [("_3",)]


@pytest.mark.parametrize(
    "audiences",
    [
        pytest.param((OTHER,), id="S15-other"),
        pytest.param((), id="S15-empty"),
        pytest.param((OWN + "0",), id="S15-longer"),
        pytest.param(("urn:oid:2.999.1",), id="S15-shorter"),
    ],
)
def test_audience(audiences: tuple[str, ...]) -> None:
    refused(made(audiences=audiences), code=names.INVALID_TOKEN)


def test_s15_restrictions() -> None:
    """No restriction is refused; of several URIs one is ours; of several restrictions each names us."""
    whole = f"<saml2:AudienceRestriction><saml2:Audience>{OWN}</saml2:Audience></saml2:AudienceRestriction>"
    refused(resigned(whole, ""), RSA, code=names.INVALID_TOKEN)
    refused(resigned(whole, whole + whole.replace(OWN, OTHER)), RSA, code=names.INVALID_TOKEN)
    assert user_of(made(audiences=(OTHER, OWN)))
    assert user_of(resigned(whole, whole * 2), RSA)


def _holder(key: ec.EllipticCurvePrivateKey | None, method: str = names.HOLDER_OF_KEY) -> bytes:
    der = b64encode(certificate(key).public_bytes(Encoding.DER)).decode() if key else ""
    data = (
        f'<saml2:SubjectConfirmationData><ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{der}'
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml2:SubjectConfirmationData>"
    )
    whole = f'<saml2:SubjectConfirmation Method="{names.BEARER}"></saml2:SubjectConfirmation>'
    return resigned(whole, f'<saml2:SubjectConfirmation Method="{method}">{data}</saml2:SubjectConfirmation>')


def _spki(name: str) -> bytes:
    return new_key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        pytest.param(_holder(new_key("holder")), _spki("mallory"), id="S16-another-caller"),
        pytest.param(_holder(new_key("holder")), b"", id="S16-caller-without-key"),
        pytest.param(_holder(None), _spki("holder"), id="S16-no-key"),
        pytest.param(
            resigned(names.BEARER, names.HOLDER_OF_KEY),
            b"",
            id="S16-nothing-on-either-side",
        ),
    ],
)
def test_holder_of_key(raw: bytes, key: bytes) -> None:
    by_key = replace(RSA, confirmations=frozenset({names.HOLDER_OF_KEY}))
    refused(raw, by_key, code=names.INVALID_TOKEN, expected=replace(EXPECTED, key=key))
    assert user_of(_holder(new_key("holder")), by_key, expected=replace(EXPECTED, key=_spki("holder")))


@pytest.mark.parametrize(
    ("raw", "methods"),
    [
        pytest.param(made(), {names.HOLDER_OF_KEY}, id="S17-bearer-where-a-key-is-required"),
        pytest.param(
            resigned(names.BEARER, names.SENDER_VOUCHES), {names.BEARER, names.HOLDER_OF_KEY}, id="S17-sender-vouches"
        ),
        pytest.param(resigned(names.BEARER, "urn:x"), {names.BEARER}, id="S17-unknown-method"),
    ],
)
def test_confirmation(raw: bytes, methods: set[str]) -> None:
    both = (idp_certificate(), *RSA.certificates)
    refused(raw, issuer(certificates=both, confirmations=frozenset(methods)), code=names.INVALID_TOKEN)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param('NotOnOrAfter="2026-03-01T10:15:00Z"', id="S17-confirmation-ended"),
        pytest.param('NotBefore="2026-03-01T10:16:01Z"', id="S17-confirmation-begins-later"),
        pytest.param('Recipient="https://node.alpha.example:80010/"', id="S17-recipient-that-begins-like-us"),
        pytest.param('Recipient="https://rg.beta.example/xca"', id="S17-other-recipient"),
    ],
)
def test_confirmation_data(data: str) -> None:
    def raw(said: str) -> bytes:
        empty = "></saml2:SubjectConfirmation>"
        return resigned(empty, f"><saml2:SubjectConfirmationData {said}/></saml2:SubjectConfirmation>")

    refused(raw(data), RSA, code=names.INVALID_TOKEN)
    good = 'NotBefore="2026-03-01T10:15:00Z" NotOnOrAfter="2026-03-01T10:15:01Z" Recipient="https://node.alpha.example:8001/iti-18"'
    assert user_of(raw(good), RSA)


def test_how_the_user_signed_in_is_said() -> None:
    refused(made(contexts=(names.AUTHN_CLASS + "unspecified",)), code=names.INVALID_TOKEN)
    assert user_of(made(contexts=(names.AUTHN_CLASS + "X509",)))


@pytest.mark.parametrize(
    ("by", "said", "presented"),
    [
        pytest.param({OTHER}, OWN, OWN, id="S18-issuer-of-another"),
        pytest.param({OWN}, OTHER, OWN, id="S18-user-of-another"),
        pytest.param({OWN}, OWN, OTHER, id="S18-presented-by-another"),
        pytest.param({OTHER}, "", OWN, id="S18-says-nothing"),
        pytest.param({"*"}, "", OWN, id="S18-issuer-of-all-says-nothing"),
        pytest.param({"*"}, OTHER, OWN, id="S18-issuer-of-all-other-user"),
    ],
)
def test_communities(by: set[str], said: str, presented: str) -> None:
    refused(
        made(home=said),
        issuer(homes=frozenset(by)),
        code=names.INVALID_TOKEN,
        expected=replace(EXPECTED, home=presented),
    )


# --- S19 to S24: content, size, keys, timing --------------------------------------------------------------------

_NURSE = replace(DOCTOR, code="106292003")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(made(roles=(_NURSE,)), id="S19-role"),
        pytest.param(made(roles=(replace(DOCTOR, system="2.999"),)), id="S19-role-of-another-system"),
        pytest.param(made(purposes=(replace(TREAT, code="FUN"),)), id="S19-purpose"),
        pytest.param(made(roles=(DOCTOR, DOCTOR)), id="S19-two-roles"),
        pytest.param(made(purposes=(TREAT, TREAT)), id="S19-two-purposes"),
    ],
)
def test_codes(raw: bytes) -> None:
    refused(raw, code=names.INVALID_TOKEN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(">Jane Doe<", "><b>Jane Doe</b><", id="S19-markup"),
        pytest.param("</Role>", "<Role/></Role>", id="S19-nested"),
        pytest.param("</Role>", "x</Role>", id="S19-text"),
        pytest.param('xsi:type="CE"></Role>', 'xsi:type="xsi:CE"></Role>', id="S19-type-of-another-namespace"),
        pytest.param('xsi:type="CE"></Role>', 'xsi:type="ANY"></Role>', id="S19-type"),
        pytest.param('xsi:type="CE"></Role>', 'xsi:nil="true" xsi:type="CE"></Role>', id="S19-nil"),
        pytest.param('<Role xmlns="urn:hl7-org:v3"', '<Role xmlns="urn:hl7-org:v4"', id="S19-namespace"),
        pytest.param(
            "</Role></saml2:AttributeValue>",
            '</Role><Role xmlns="urn:hl7-org:v3" code="1" codeSystem="2"/></saml2:AttributeValue>',
            id="S19-two-elements",
        ),
        pytest.param(names.ORGANISATION + '"', names.SUBJECT_ID + '"', id="S19-attribute-twice"),
        pytest.param('code="112247003"', 'code=""', id="S19-empty-code"),
    ],
)
def test_values(old: str, new: str) -> None:
    refused(resigned(old, new), RSA, code=names.INVALID_TOKEN)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        pytest.param(
            "saml2:Assertion", "saml2:EncryptedAssertion", names.UNSUPPORTED_TOKEN, id="S20-encrypted-assertion"
        ),
        pytest.param(SAML, "urn:oasis:names:tc:SAML:1.0:assertion", names.UNSUPPORTED_TOKEN, id="S20-saml-1"),
        pytest.param('Version="2.0"', 'Version="1.1"', names.UNSUPPORTED_TOKEN, id="S20-version"),
    ],
)
def test_unsupported(old: str, new: str, code: str) -> None:
    refused(changed(old, new), code=code)


def test_s20_an_encrypted_name() -> None:
    name = f'<saml2:NameID Format="{names.UNSPECIFIED_NAME}">jdoe@alpha.example</saml2:NameID>'
    refused(resigned(name, "<saml2:EncryptedID></saml2:EncryptedID>"), RSA, code=names.UNSUPPORTED_TOKEN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('URI="#_7f0c"', 'URI="#_7f0c "', id="S21-uri-padded"),
        pytest.param('URI="#_7f0c"', 'URI="#%5F7f0c"', id="S21-uri-encoded"),
        pytest.param('ID="_7f0c"', 'ID="_7f0c "', id="S21-id-padded"),
        pytest.param('ID="_7f0c"', 'ID="_7F0C"', id="S21-id-capital"),
    ],
)
def test_ids(old: str, new: str) -> None:
    refused(changed(old, new))


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("jdoe@alpha.example ", id="S21-padded"),
        pytest.param("\u00a0jdoe@alpha.example", id="S21-no-break-space"),
        pytest.param("jose\u0301@alpha.example", id="S21-decomposed"),
        pytest.param("jdoe\u202e@alpha.example", id="S21-direction"),
        pytest.param("jdoe\u200b@alpha.example", id="S21-zero-width"),
    ],
)
def test_names(subject: str) -> None:
    refused(made(subject=subject), code=names.INVALID_TOKEN)


@given(st.text(min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_s21_a_name_arrives_exactly_as_it_was_signed(subject: str) -> None:
    """Names that only look alike are not one user; what could be misread is refused."""
    try:
        raw = made(subject=subject)
        message = envelope(raw)
    except (UnicodeEncodeError, etree.XMLSyntaxError):
        return
    try:
        user = judged(message)
    except AssertionRefused:
        return
    assert user is not None
    assert user.id == f"<{subject}@{IDP}>"


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(lambda: envelope(made() * 100), id="S22-100-assertions"),
        pytest.param(lambda: envelope(*[made()] * 100), id="S22-100-headers"),
        pytest.param(lambda: envelope(made(name="x" * 1_000_000)), id="S22-a-megabyte"),
        pytest.param(lambda: envelope(made(consents=["urn:oid:2.999"] * 10_000)), id="S22-10000-values"),
    ],
)
def test_size(message, monkeypatch) -> None:
    """Refused before anything is verified: no signature is worth the time."""
    found = message()
    monkeypatch.setattr(signature, "_holds", lambda *_: pytest.fail("a signature was verified"))
    refused(found)


def test_s23_keys_change() -> None:
    """The old key counts until it is withdrawn or ends, the new one from when it is recorded."""
    old, new = made(), signed(draft(), new_key("new"), certificate(new_key("new")))
    ending = certificate(new_key(), ends=NOW + timedelta(minutes=1))
    both = issuer(certificates=(ending, certificate(new_key("new"))))
    assert user_of(old, both) == user_of(new, both)
    refused(new, code=names.FAILED_CHECK)
    refused(old, issuer(certificates=(certificate(new_key("new")),)), code=names.FAILED_CHECK)
    refused(old, both, code=names.FAILED_CHECK, now=NOW + timedelta(minutes=2))
    assert user_of(new, both, now=NOW + timedelta(minutes=2))
    refused(
        old, issuer(certificates=(certificate(new_key(), begins=NOW + timedelta(minutes=1)),)), code=names.FAILED_CHECK
    )


def test_s24_an_unknown_issuer_costs_what_a_wrong_signature_costs(monkeypatch) -> None:
    """The same code, and a signature verified in each case: neither answer nor time tells whom this node knows."""
    done: list[bool] = []
    holds = signature._holds
    monkeypatch.setattr(signature, "_holds", lambda *given: done.append(True) or holds(*given))
    for raw, known in (
        (made(issuer="https://nobody.example"), (issuer(),)),
        (changed("Jane Doe", "Jane Roe"), (issuer(),)),
        (signed(draft(), new_key("mallory"), certificate(new_key("mallory"))), (issuer(),)),
        (made(), (issuer(certificates=()),)),
    ):
        done.clear()
        refused(raw, *known, code=names.FAILED_CHECK)
        assert len(done) == 1


# --- what the header may hold -----------------------------------------------------------------------------------


def test_other_tokens_and_empty_headers() -> None:
    refused(envelope(b""), code=names.INVALID_HEADER)
    refused(envelope(b'<wsse:UsernameToken xmlns:wsse="urn:x"/>'), code=names.UNSUPPORTED_TOKEN)
    refused(envelope(header=made()), code=names.INVALID_HEADER)
    assert judged(envelope()) is None


def test_both_verifiers_must_name_the_same_bytes(monkeypatch) -> None:
    """The library alone convinces nobody, and neither do we."""
    monkeypatch.setattr(signature, "_second_opinion", lambda *_: b"<other/>")
    refused(made(), code=names.FAILED_CHECK)


def test_x15_no_canonical_form_is_no_empty_text() -> None:
    raw = changed("<saml2:Subject>", '<saml2:Subject xmlns:r="relative">')
    with pytest.raises(AssertionRefused):
        saml.authentic(raw, Issuers((issuer(),)), NOW, parse)
    root = etree.fromstring(raw)  # as a parser without our rule would give it
    with pytest.raises(AssertionRefused, match="canonical"):
        signature.shape_of(root)


# M23: the age of the message itself.

WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"


def _header(*timestamps: str):
    text = "".join(f"<u:Timestamp>{one}</u:Timestamp>" for one in timestamps)
    return [etree.fromstring(f'<w:Security xmlns:w="{WSSE}" xmlns:u="{WSU}">{text}</w:Security>')]


def _moment(**after: float) -> str:
    return (NOW + timedelta(**after)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _made(created: str, expires: str = "") -> str:
    return f"<u:Created>{created}</u:Created>" + (f"<u:Expires>{expires}</u:Expires>" if expires else "")


@pytest.mark.parametrize(
    ("timestamp", "required"),
    [
        pytest.param([_made(_moment(seconds=-1), _moment(minutes=5))], True, id="M23-good"),
        pytest.param([_made(_moment(seconds=59), _moment(minutes=5))], True, id="M23-clock-ahead-within-skew"),
        pytest.param([_made(_moment(minutes=-4))], True, id="M23-without-an-end"),
        pytest.param([], False, id="M23-missing-not-required"),
    ],
)
def test_m23_messages_that_count(timestamp, required) -> None:
    check_timestamp(_header(*timestamp), timedelta(seconds=60), NOW, required=required)


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        pytest.param([_made(_moment(minutes=-6), _moment(seconds=-1))], "wsse:MessageExpired", id="M23-expired"),
        pytest.param([_made(_moment(minutes=-6), _moment())], "wsse:MessageExpired", id="M23-ends-now"),
        pytest.param([_made(_moment(minutes=-6))], "wsse:MessageExpired", id="M23-old-without-an-end"),
        pytest.param([_made(_moment(seconds=61), _moment(minutes=9))], "wsse:MessageExpired", id="M23-future"),
        pytest.param([], "wsse:MessageExpired", id="M23-missing-when-required"),
        pytest.param([_made(_moment(), _moment(minutes=1))] * 2, "wsse:InvalidSecurity", id="M23-two"),
        pytest.param([f"<u:Expires>{_moment(minutes=1)}</u:Expires>"], "wsse:InvalidSecurity", id="M23-not-made"),
        pytest.param([_made("yesterday")], "wsse:InvalidSecurity", id="M23-no-instant"),
        pytest.param([_made(_moment(), "2026-03-01T10:20:00")], "wsse:InvalidSecurity", id="M23-no-zone"),
    ],
)
def test_m23_messages_that_do_not_count(timestamp, code) -> None:
    with pytest.raises(AssertionRefused) as caught:
        check_timestamp(_header(*timestamp), timedelta(seconds=60), NOW, required=True)
    assert caught.value.code == code
