"""Attacks on access tokens: rows J1 to J15 of the catalogue. Every answer is 401 `invalid_token` but where a row says 403."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from node.configuration.config import parse as read_config
from node.federation.resolver import GuardedResolver
from node.http.fetching import fetch
from node.tokens import STALE, Tokens
from tests.node.test_asserted import NODE
from tests.trust.identity.assertions import OTHER, OWN, PURPOSES, ROLES
from trust.errors import BadCertificate, TokenRefused
from trust.identity.access_token import ExpectedToken, TokenIssuer, accept, require, thumbprint_of
from trust.identity.caller import Caller, Role
from trust.identity.token_keys import read_jwks

NOW = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
ISSUER = "https://as.alpha.example"
CERTIFICATE = b"the caller's certificate, DER"
DOCTOR = {"system": "http://snomed.info/sct", "code": "112247003"}
TREAT = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk(key, kid: str, algorithm: str) -> dict:
    kind = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}[algorithm]
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


@cache
def issuers(bound: bool = False) -> dict[str, TokenIssuer]:
    keys = read_jwks(json.dumps({"keys": [jwk(rsa_key(), "r1", "RS256"), jwk(ec_key(), "e1", "ES256")]}).encode())
    other = TokenIssuer(name="https://other.example", keys=keys[:1], homes=frozenset({OTHER}))
    own = TokenIssuer(name=ISSUER, keys=keys, homes=frozenset({OWN}), bound=bound)
    return {ISSUER: own, other.name: other}


def expected(**changes) -> ExpectedToken:
    base = {"home": OWN, "audiences": frozenset({OWN, "https://node.alpha.example:8001"})}
    base |= {"skew": timedelta(seconds=60), "roles": ROLES, "purposes": PURPOSES, "certificate": CERTIFICATE}
    return ExpectedToken(**(base | changes))


def claims(**changes) -> dict:
    base = {
        "iss": ISSUER,
        "sub": "u-4711",
        "client_id": "app1",
        "aud": "https://node.alpha.example:8001",
        "jti": "5b9c",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 300,
        "scope": "ITI-81 ITI-67",
        "extensions": {
            "ihe_iua": {
                "subject_name": "Dr. A. Smith",
                "subject_organization_id": "urn:oid:2.999.10.50",
                "subject_role": [DOCTOR],
                "purpose_of_use": [TREAT],
                "home_community_id": OWN,
            }
        },
    }
    made = base | changes
    return {name: value for name, value in made.items() if value is not None}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(body: bytes | dict | None = None, header: bytes | dict | None = None, key=None) -> str:
    """A token with exactly these bytes, RS256 over them unless a key says otherwise."""
    body = claims() if body is None else body
    header = {"alg": "RS256", "kid": "r1"} if header is None else header
    parts = [b64(one if isinstance(one, bytes) else json.dumps(one).encode()) for one in (header, body)]
    text = ".".join(parts)
    algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
    return f"{text}.{b64(algorithm.sign(text.encode(), key or rsa_key()))}"


def refused(token: str, code: str = "invalid_token", **changes) -> None:
    with pytest.raises(TokenRefused) as caught:
        accept(token, issuers(), expected(**changes), NOW)
    assert caught.value.code == code


def test_a_good_token_names_the_user() -> None:
    user = accept(signed(), issuers(), expected(), NOW)
    assert (user.id, user.name, user.client) == (f"<u-4711@{ISSUER}>", "Dr. A. Smith", "app1")
    assert user.role.text == "Medical doctor"
    assert user.purpose.text == "treatment"
    elliptic = jwt.encode(claims(), ec_key(), algorithm="ES256", headers={"kid": "e1"})
    assert accept(elliptic, issuers(), expected(), NOW).id == user.id


@pytest.mark.parametrize(
    "algorithm",
    [pytest.param(one, id=f"J1-{one}") for one in ("none", "NoNe", "NONE", "", None, 5, "RS512", "HS256x")],
)
def test_j1_no_algorithm(algorithm) -> None:
    header = {"kid": "r1"} | ({} if algorithm is None else {"alg": algorithm})
    refused(signed(header=header))
    text = signed(header=header)
    refused(text.rpartition(".")[0] + ".")


@pytest.mark.parametrize("form", [pytest.param(one, id=f"J2-{one}") for one in ("pem", "der", "jwk")])
def test_j2_the_public_key_as_a_secret(form: str) -> None:
    public = rsa_key().public_key()
    secret = {
        "pem": public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(jwk(rsa_key(), "r1", "RS256")).encode(),
    }[form]
    text = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'r1'}).encode())}.{b64(json.dumps(claims()).encode())}"
    refused(f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}")


@pytest.mark.parametrize(
    "kid",
    [
        pytest.param("../../keys/tls.key", id="J3-path"),
        pytest.param("r1' OR '1'='1", id="J3-sql"),
        pytest.param("https://evil.example/k", id="J3-url"),
        pytest.param("k" * 9_000, id="J3-long"),
        pytest.param("r1\x00", id="J3-nul"),
        pytest.param(["r1"], id="J3-list"),
        pytest.param(None, id="J3-none of several"),
    ],
)
def test_j3_key_ids(kid) -> None:
    refused(signed(header={"alg": "RS256"} | ({} if kid is None else {"kid": kid})))


def test_j3_one_of_a_megabyte() -> None:
    refused(signed(header={"alg": "RS256", "kid": "k" * 1_000_000}))


@pytest.mark.parametrize("name", [pytest.param(one, id=f"J4-{one}") for one in ("jku", "x5u", "jwk", "x5c")])
def test_j4_keys_in_the_token_are_ignored(name: str) -> None:
    mallory = rsa.generate_private_key(65537, 2048)
    value = {"jwk": jwk(mallory, "r1", "RS256"), "x5c": ["AAAA"]}.get(name, "https://evil.example/keys")
    header = {"alg": "RS256", "kid": "r1", name: value}
    refused(signed(header=header, key=mallory))
    assert accept(signed(header=header), issuers(), expected(), NOW).client == "app1"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(lambda: jwk(rsa.generate_private_key(65537, 1024), "w", "RS256"), id="J5-rsa-1024"),
        pytest.param(lambda: {"kty": "oct", "k": b64(b"short"), "kid": "w"}, id="J5-short-secret"),
        pytest.param(lambda: {"kty": "RSA", "kid": "w"}, id="J5-incomplete"),
        pytest.param(lambda: jwk(rsa_key(), "w", "RS256") | {"use": "enc"}, id="J5-for encryption"),
    ],
)
def test_j5_weak_keys_are_not_loaded(row) -> None:
    with pytest.raises(BadCertificate):
        read_jwks(json.dumps({"keys": [row()]}).encode())


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, id=f"J6-{one}") for one in ("exp", "iat", "aud", "jti", "sub", "iss", "client_id", "scope")],
)
def test_j6_missing_claims(name: str) -> None:
    refused(signed(claims(**{name: None})))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    [pytest.param(one, id=f"J7-{one!r}") for one in (-1, 1e9, "1772360400", True, 10**18, [1], {"a": 1}, 253402300800)],
)
def test_j7_instants_that_are_none(name: str, value) -> None:
    refused(signed(claims(**{name: value})))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"exp": int(NOW.timestamp()) + 3601}, id="J7-far future"),
        pytest.param({"exp": int(NOW.timestamp())}, id="J7-ends now"),
        pytest.param({"iat": int(NOW.timestamp()) + 61, "exp": int(NOW.timestamp()) + 90}, id="J7-issued later"),
        pytest.param({"nbf": int(NOW.timestamp()) + 61}, id="J7-not yet"),
    ],
)
def test_j7_times(body: dict) -> None:
    refused(signed(claims(**body)))


def test_j7_huge_numbers() -> None:
    raw = json.dumps(claims()).replace(str(int(NOW.timestamp()) + 300), "1e308").encode()
    refused(signed(raw))
    refused(signed(raw.replace(b"1e308", b"9" * 5000)))


@pytest.mark.parametrize(
    ("body", "good"),
    [
        pytest.param({"aud": ["https://a.example", OWN]}, True, id="J8-one of several"),
        pytest.param({"aud": ["https://a.example"]}, False, id="J8-another"),
        pytest.param({"aud": []}, False, id="J8-none"),
        pytest.param({"aud": [OWN, 5]}, False, id="J8-not text"),
        pytest.param({"aud": OWN + "0"}, False, id="J8-longer"),
    ],
)
def test_j8_audience(body: dict, good: bool) -> None:
    if good:
        assert accept(signed(claims(**body)), issuers(), expected(), NOW)
    else:
        refused(signed(claims(**body)))


def test_j8_the_same_key_id_of_another_issuer() -> None:
    """Exactly the pair of iss and kid: the other issuer has no `e1`."""
    elliptic = jwt.encode(claims(iss="https://other.example"), ec_key(), algorithm="ES256", headers={"kid": "e1"})
    refused(elliptic)
    refused(signed(claims(iss=ISSUER + "/")))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"crit": ["exp"]}, id="J9-crit"),
        pytest.param({"crit": []}, id="J9-empty"),
        pytest.param({"b64": False, "crit": ["b64"]}, id="J9-b64"),
        pytest.param({"typ": "secevent+jwt"}, id="J9-other kind"),
    ],
)
def test_j9_critical_parameters(header: dict) -> None:
    refused(signed(header={"alg": "RS256", "kid": "r1"} | header))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("a.b.c.d.e", id="J10-jwe"),
        pytest.param(f"{b64(b'{}')}.{b64(b'{}')}", id="J10-two segments"),
        pytest.param("", id="J10-empty"),
        pytest.param("..", id="J10-only dots"),
        pytest.param("x" * 20_000, id="J10-long"),
    ],
)
def test_j10_other_containers(token: str) -> None:
    refused(token)


def test_j10_nested_and_zipped() -> None:
    refused(signed(signed().encode(), header={"alg": "RS256", "kid": "r1", "cty": "JWT"}))
    zipped = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "zip": "DEF", "p2c": 10**9}
    refused(f"{b64(json.dumps(zipped).encode())}.a.b.c.d")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda raw: raw[:-1] + b',"sub":"u-1"}', id="J11-sub twice"),
        pytest.param(
            lambda raw: raw.replace(b'"home_community_id"', b'"subject_name":"x","home_community_id"'), id="J11-inside"
        ),
        pytest.param(lambda raw: raw[:-1] + b',"x":' + b"[" * 2000 + b"]" * 2000 + b"}", id="J11-deep"),
        pytest.param(lambda raw: raw[:-1] + b',"x":NaN}', id="J11-nan"),
        pytest.param(lambda raw: raw[:-1] + b',"x":1.5}', id="J11-float"),
        pytest.param(lambda raw: b"[" + raw + b"]", id="J11-list"),
        pytest.param(lambda raw: raw + b"\xff", id="J11-not utf-8"),
    ],
)
def test_j11_json_in_one_form(change) -> None:
    refused(signed(change(json.dumps(claims()).encode())))


@given(st.binary(max_size=200))
def test_j11_whatever_is_signed_is_judged(raw: bytes) -> None:
    refused(signed(raw))


@given(st.text(max_size=300))
def test_j11_whatever_comes_is_refused(text: str) -> None:
    refused(text)


def test_j12_bound_to_another_certificate() -> None:
    bound = signed(claims(cnf={"x5t#S256": thumbprint_of(CERTIFICATE)}))
    assert accept(bound, issuers(), expected(), NOW)
    refused(bound, certificate=b"another")
    refused(bound, certificate=b"")
    refused(signed(claims(cnf={"jkt": "x"})))
    refused(signed(claims(cnf="x")))
    with pytest.raises(TokenRefused):  # an issuer whose tokens must be bound
        accept(signed(), issuers(True), expected(), NOW)
    assert accept(bound, issuers(True), expected(), NOW)


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        pytest.param({"iss": "https://other.example"}, {}, id="J13-issuer of another community"),
        pytest.param({}, {"home": OTHER}, id="J13-presented by another community"),
    ],
)
def test_j13_another_community(body: dict, changes: dict) -> None:
    refused(signed(claims(**body)), "insufficient_scope", **changes)


@pytest.mark.parametrize(
    ("scope", "patient", "asked", "good"),
    [
        pytest.param("ITI-81", "", "", True, id="J13-scope"),
        pytest.param("ITI-67 patient/*.read", "", "", False, id="J13-other scope"),
        pytest.param("ITI-811", "", "", False, id="J13-longer scope"),
        pytest.param("ITI-81", "urn:oid:2.999.1|A", "urn:oid:2.999.1|A", True, id="J13-its patient"),
        pytest.param("ITI-81", "urn:oid:2.999.1|A", "urn:oid:2.999.1|B", False, id="J13-another patient"),
        pytest.param("ITI-81", "urn:oid:2.999.1|A", "", False, id="J13-everybody"),
    ],
)
def test_j13_scope_and_patient(scope: str, patient: str, asked: str, good: bool) -> None:
    extensions = claims()["extensions"] | ({"ihe_bppc": {"patient_id": patient}} if patient else {})
    user = accept(signed(claims(scope=scope, extensions=extensions)), issuers(), expected(), NOW)
    if good:
        require(user, frozenset({"ITI-81"}), asked)
    else:
        with pytest.raises(TokenRefused) as caught:
            require(user, frozenset({"ITI-81"}), asked)
        assert caught.value.code == "insufficient_scope"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + "=", id="J14-padding"),
        pytest.param(lambda text: text[:20] + " " + text[20:], id="J14-blank"),
        pytest.param(lambda text: text[:20] + "\n" + text[20:], id="J14-line"),
        pytest.param(lambda text: text.replace("-", "+").replace("_", "/") + "+", id="J14-other alphabet"),
        pytest.param(lambda text: text[:-1] + chr(ord(text[-1]) + 1), id="J14-trailing bits"),
    ],
)
def test_j14_base64url_in_one_form(change) -> None:
    refused(change(signed()))


class Keys:
    """A server of keys that can be slow, huge, absent, or point elsewhere."""

    def __init__(self) -> None:
        self.mode = "good"
        self.asked = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked += 1
                if outer.mode == "redirect":
                    self.send_response(302)
                    self.send_header("Location", "https://169.254.169.254/latest")
                    self.end_headers()
                    return
                self.send_response(500 if outer.mode == "down" else 200)
                self.end_headers()
                if outer.mode == "slow":
                    threading.Event().wait(3)
                body = (
                    b"x" * 300_000
                    if outer.mode == "huge"
                    else json.dumps({"keys": [jwk(rsa_key(), "r1", "RS256")]}).encode()
                )
                with_body = outer.mode in ("good", "huge")
                if with_body:
                    with contextlib.suppress(OSError):
                        self.wfile.write(body)

            def log_message(self, *_):
                pass

        ca = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(context)
        self.trust = ssl.create_default_context()
        ca.configure_trust(self.trust)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"https://localhost:{self.server.server_address[1]}/keys"

    async def fetch(self, url: str) -> bytes:
        resolver = lambda: GuardedResolver(development=True, permitted=())  # noqa: E731
        return await fetch(url, resolver, most=64 * 1024, seconds=1.0, ssl=self.trust)


@pytest.mark.parametrize("mode", [pytest.param(one, id=f"J15-{one}") for one in ("down", "slow", "huge", "redirect")])
async def test_j15_keys_that_cannot_be_fetched(mode: str, tmp_path: Path) -> None:
    server, now = Keys(), [NOW]
    text = (
        NODE
        + f"""
[iua]
mode = "required"
[[iua.issuers]]
name = "as"
issuer = "{ISSUER}"
jwks_url = "{server.url}"
certificate_bound = false
"""
    )
    tokens = Tokens(read_config(text, tmp_path), lambda: now[0], server.fetch)
    caller = Caller(role=Role.AUDITOR, name="office", fingerprint="00", address="127.0.0.1")
    header = f"Bearer {signed(claims(aud=OWN, extensions=None))}"

    def ask() -> Caller:
        return tokens.caller(header, caller, CERTIFICATE, frozenset({"ITI-81"}), "")

    with pytest.raises(TokenRefused):  # nothing was fetched yet
        ask()
    await tokens.refresh()
    assert ask().user == f"<u-4711@{ISSUER}>"
    server.mode = mode
    await tokens.refresh()
    assert ask().user  # the keys that were fetched before
    assert server.asked == 2
    now[0] = NOW + STALE + timedelta(seconds=1)
    with pytest.raises(TokenRefused):
        ask()
    await asyncio.sleep(0)
    server.server.shutdown()
