"""A browser without JavaScript, as far as the pages need one: own HTTP, cookies, links and forms of the page."""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from lxml import html

from tests.end_to_end.nodes import Node

PASSWORD = "correct horse battery staple"
_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_TLS.check_hostname, _TLS.verify_mode = False, ssl.CERT_NONE


@dataclass
class Page:
    """One answer: its address after redirections, status, headers, and the parsed page."""

    address: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def tree(self) -> html.HtmlElement:
        return html.document_fromstring(self.body.decode())

    @property
    def text(self) -> str:
        return " ".join(self.tree.text_content().split())

    def form(self, ending: str) -> html.FormElement:
        """The form whose action ends so."""
        found = [form for form in self.tree.forms if urlsplit(form.action or "").path.endswith(ending)]
        assert found, f"no form for {ending} on {self.address}: {self.text[:2000]}"
        return found[0]

    def links(self, part: str) -> list[str]:
        """Targets of links that hold this text."""
        return [href for href in self.tree.xpath("//a/@href") if part in href]


@dataclass
class Browser:
    """One browser at one node; it goes where it is sent and keeps cookies."""

    node: Node
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.node.base}"

    def get(self, address: str, **headers: str) -> Page:
        return self._ask("GET", address, b"", headers)

    def submit(self, page: Page, ending: str, **fields: str) -> Page:
        """Fill in a form of the page and send it."""
        form = page.form(ending)
        said = {name: value for name, value in form.form_values() if name not in fields} | fields
        if form.method == "GET":
            return self.get(urljoin(page.address, "?" + urlencode(said)))
        return self.post(urljoin(page.address, form.action), **said)

    def post(self, address: str, **fields: str) -> Page:
        return self.send(address, urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def send(self, address: str, body: bytes, kind: str, **headers: str) -> Page:
        return self._ask("POST", address, body, {"Content-Type": kind, "Origin": self.origin, **headers})

    def upload(self, page: Page, ending: str, name: str, content: bytes, **fields: str) -> Page:
        """Send a form with a file, its other fields first."""
        form = page.form(ending)
        said = {key: value for key, value in form.form_values() if key != "file"} | fields
        boundary = "-----BOUNDARY-OF-THE-TEST"
        pieces = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
            for key, value in said.items()
        ]
        disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
        body = b"".join([*pieces, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
        return self.send(urljoin(page.address, form.action), body, f"multipart/form-data; boundary={boundary}")

    def sign_in(self, name: str, password: str = PASSWORD) -> Page:
        return self.submit(self.get("/sign-in"), "/sign-in", name=name, password=password)

    def open_patient(self, number: str, purpose: str = "TREAT") -> Page:
        """Find a patient by number and open the documents; without JavaScript, so after a second at most."""
        found = self.submit(self.get("/patients"), "/patients/search", number=number)
        return self.submit(found, "/visit", purpose=purpose, note="ward round in ward 4B")

    def all_answers(self, page: Page, seconds: float = 20) -> Page:
        """The page when every institution has ended."""
        until = time.monotonic() + seconds
        while "outcome-asking" in page.body.decode() and time.monotonic() < until:
            page = self.get(page.address)
        assert "outcome-asking" not in page.body.decode()
        return page

    def raw(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        """One answer as it comes; cookies are sent and not kept."""
        sent = {"Accept-Language": self.language, **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPSConnection("localhost", self.node.base, context=_TLS, timeout=60)
        connection.request(method, path, body or None, sent)
        return connection.getresponse()

    def _ask(self, method: str, address: str, body: bytes, headers: dict[str, str]) -> Page:
        for _ in range(5):
            parts = urlsplit(urljoin(self.origin, address))
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            answer = self.raw(method, path, body, headers)
            content = answer.read()
            answer.close()
            for line in answer.headers.get_all("Set-Cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    if morsel["max-age"] == "0" or not morsel.value:
                        self.cookies.pop(name, None)
                    else:
                        self.cookies[name] = morsel.value
            if answer.status != 303:
                return Page(path, answer.status, {k.lower(): v for k, v in answer.getheaders()}, content)
            method, address, body, headers = "GET", urljoin(path, answer.headers["Location"]), b"", {}
        raise AssertionError("redirected in a circle")


def account(node: Node, name: str, *options: str, role: str = "clinician") -> str:
    """Open an account without one-time code; returns its name."""
    secret = node.folder / "password.txt"
    secret.write_text(PASSWORD)
    node.run("user", "add", name, "--role", role, "--password-file", str(secret), "--without-code", *options)
    return name
