"""Signing in on the pages of a real node: with the institution's own account (OpenID Connect), with a certificate."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import trustme
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.commands import command
from tests.end_to_end.nodes import Node, free_base


@dataclass
class Provider:
    """An identity provider: discovery, keys, token. Its page for people is the test itself."""

    ca: trustme.CA
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "k"}))
    codes: dict[str, dict[str, Any]] = field(default_factory=dict)  # code: its claims and its challenge
    asked: list[dict[str, str]] = field(default_factory=list)

    def start(self) -> Provider:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answers = {
                    "/.well-known/openid-configuration": provider.described(),
                    "/keys": {"keys": [provider.key.as_dict(private=False)]},
                }
                self._answer(200 if self.path in answers else 404, answers.get(self.path, {}))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(*provider.token({name: one[0] for name, one in parse_qs(body).items()}, self.headers))

            def _answer(self, status: int, content: dict[str, Any]) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                for start in range(0, len(body), 1024):  # as it comes over a real network
                    self.wfile.write(body[start : start + 1024])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.server.server_port}"

    def described(self) -> dict[str, Any]:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        others = {"claims_supported": [f"claim-{number}" for number in range(12_000)]}  # more than comes at once
        return {"issuer": self.issuer, **others, **{name: f"{self.issuer}/{path}" for name, path in places.items()}}

    def consent(self, location: str, **changes: Any) -> str:
        """What the person does there: the query string that the browser brings back."""
        asked = {name: one[0] for name, one in parse_qs(urlsplit(location).query).items()}
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": asked["client_id"], "sub": "1", "iat": now, "exp": now + 60,
            "nonce": asked["nonce"], "preferred_username": "c.wu", "name": "Dr Chen Wu", "roles": ["physicians"],
        }  # fmt: skip
        code = f"code-{len(self.codes)}"
        self.codes[code] = {"claims": {**claims, **changes}, "challenge": asked["code_challenge"]}
        return urlencode({"code": code, "state": asked["state"]})

    def token(self, form: dict[str, str], headers: Any) -> tuple[int, dict[str, Any]]:
        self.asked.append({**form, "authorization": headers.get("Authorization", "")})
        kept = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if kept is None or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != kept["challenge"]:
            return 400, {"error": "invalid_grant"}
        signed = jwt.encode({"alg": "ES256", "kid": "k"}, kept["claims"], self.key)
        return 200, {"token_type": "Bearer", "access_token": "x", "id_token": signed}


@dataclass
class Browser:
    """Requests with cookies, and nothing that follows by itself."""

    base: int
    certificate: Path | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(self.certificate)
        connection = http.client.HTTPSConnection("localhost", self.base, context=context)
        origin = f"https://localhost:{self.base}"
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()), "Origin": origin}
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urlencode(form or {}), headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
        text = answer.read().decode()
        connection.close()
        return answer.status, dict(answer.headers), text


@dataclass(frozen=True)
class Place:
    node: Node
    provider: Provider
    holder: Path  # certificate and key that are bound to an account
    stranger: Path  # of the same CA, bound to nobody


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("sign-in")
    provider, people = Provider(trustme.CA()).start(), trustme.CA()
    node = Node(folder / "node", free_base(), "Hospital").init(folder / "ca")
    provider.ca.cert_pem.write_to_path(node.folder / "provider.pem")
    people.cert_pem.write_to_path(node.folder / "people.pem")
    (node.folder / "secret").write_text("s3cret\n", encoding="ascii")
    text = (node.folder / "node.toml").read_text(encoding="utf-8")
    said = f"""[sign_in]
issuer = "{provider.issuer}"
client_id = "node"
client_secret = "secret"
ca = "provider.pem"
clinicians = ["physicians"]
auditors = ["privacy"]
certificate_ca = "people.pem"
"""
    (node.folder / "node.toml").write_text(re.sub(r"(?m)^\[sign_in\].*\n", said, text), encoding="utf-8")
    files = [folder / "holder.pem", folder / "stranger.pem"]
    for file in files:
        people.issue_cert(f"{file.stem}@hospital.example").private_key_and_cert_chain_pem.write_to_path(file)
    (folder / "password").write_text("four random words", encoding="ascii")
    node.start()
    for name in ("a.li", "b.ito"):
        account = ("user", "add", name, "--role", "administrator", "--password-file", str(folder / "password"))
        assert command(*account, "--dir", str(node.folder)).returncode == 0
    bound = command("user", "certificate", "a.li", str(files[0]), "--dir", str(node.folder))
    assert bound.returncode == 0, bound.stderr
    yield Place(node, provider, *files)
    node.stop()
    provider.server.shutdown()


def departed(place: Place) -> tuple[Browser, str]:
    browser = Browser(place.node.base)
    status, headers, _ = browser.ask("GET", "/sign-in/provider")
    assert status == 303
    return browser, headers["Location"]


def came_back(place: Place, **claims: Any) -> Browser:
    """Signed in by the provider."""
    browser, location = departed(place)
    assert browser.ask("GET", "/sign-in/return?" + place.provider.consent(location, **claims))[0] == 200
    return browser


def test_the_way_there_and_back(place: Place) -> None:
    browser, location = departed(place)
    asked = {name: one[0] for name, one in parse_qs(urlsplit(location).query).items()}
    assert location.startswith(f"{place.provider.issuer}/authorize?")
    assert asked["redirect_uri"] == f"https://localhost:{place.node.base}/sign-in/return"
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == (
        "code",
        "S256",
        "openid profile",
    )
    status, _, text = browser.ask("GET", "/sign-in/return?" + place.provider.consent(location))
    assert (status, 'content="0; url=/"' in text) == (200, True)  # the next step is one of this site
    assert place.provider.asked[-1]["authorization"] == "Basic " + base64.b64encode(b"node:s3cret").decode()
    assert browser.ask("GET", "/patients")[0] == 200
    assert "Dr Chen Wu" in browser.ask("GET", "/patients")[2]
    found = place.node.run("audit", "search", "--user", f"<c.wu@{place.node.home}>", "--json").stdout
    assert "signed in by the institution" in found


def test_I18_an_operator_ends_the_session_of_a_user_of_the_provider(place: Place) -> None:
    """Everywhere at once, and nobody else's; the provider decides whether the user may come again."""
    one, other = (came_back(place, preferred_username="e.fox") for _ in range(2))
    colleague = came_back(place, preferred_username="d.ono")
    assert [each.ask("GET", "/patients")[0] for each in (one, other, colleague)] == [200, 200, 200]
    ended = place.node.run("user", "sign-out", "E.Fox")
    assert "sessions ended: 2\nto keep it out: close it at the identity provider" in ended.stdout
    assert [each.ask("GET", "/patients")[0] for each in (one, other, colleague)] == [303, 303, 200]
    assert "signed out by an operator" in place.node.run("audit", "search", "--json").stdout
    assert came_back(place, preferred_username="e.fox").ask("GET", "/patients")[0] == 200


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"aud": "somebody else"}, "aud"),
        ({"roles": ["cooks"]}, "exactly one role"),
        ({"roles": ["physicians", "privacy"]}, "exactly one role"),
        ({"preferred_username": "b.ito"}, "local account"),
    ],
    ids=str,
)
def test_an_answer_that_opens_nothing(place: Place, changes: dict[str, Any], says: str) -> None:
    browser, location = departed(place)
    status, _, text = browser.ask("GET", "/sign-in/return?" + place.provider.consent(location, **changes))
    assert (status, "SEC-04" in text, says in text) == (403, True, True)
    assert "__Host-sid" not in browser.cookies


def test_i18_a_sign_in_that_began_elsewhere(place: Place) -> None:
    """Somebody else's answer, and one that was used already, sign nobody in."""
    browser, location = departed(place)
    answer = place.provider.consent(location)
    assert Browser(place.node.base).ask("GET", "/sign-in/return?" + answer)[0] == 403
    other, _ = departed(place)
    assert other.ask("GET", "/sign-in/return?" + answer)[0] == 403
    assert browser.ask("GET", "/sign-in/return?" + answer)[0] == 200
    assert browser.ask("GET", "/sign-in/return?" + answer)[0] == 403


def test_a_person_who_declines(place: Place) -> None:
    browser, location = departed(place)
    state = parse_qs(urlsplit(location).query)["state"][0]
    status, _, text = browser.ask("GET", "/sign-in/return?" + urlencode({"error": "access_denied", "state": state}))
    assert (status, "access_denied" in text) == (403, True)


def signs_in(browser: Browser) -> int:
    token = re.search(r'name="token" value="([^"]+)"', browser.ask("GET", "/sign-in")[2])
    assert token
    return browser.ask("POST", "/sign-in/certificate", {"token": token[1]})[0]


def test_a_certificate_that_is_bound_to_an_account(place: Place) -> None:
    browser = Browser(place.node.base, place.holder)
    assert "a.li" in browser.ask("GET", "/sign-in")[2]
    assert signs_in(browser) == 303
    assert browser.ask("GET", "/node")[0] == 200


def test_a_certificate_of_nobody_and_none(place: Place) -> None:
    assert signs_in(Browser(place.node.base, place.stranger)) == 403
    assert signs_in(Browser(place.node.base)) == 403
