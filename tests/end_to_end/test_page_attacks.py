"""Table I of the attack catalogue at the door of the pages: forms from elsewhere, sessions, headers, guesses (I2, I17-I22)."""

from __future__ import annotations

import ast
import itertools
import re
import time
from pathlib import Path
from urllib.parse import urlencode

import pytest

import node.web
from node.web.pages import PAGES, Page
from tests.end_to_end.nodes import Node
from tests.end_to_end.pages import PASSWORD, Browser, account
from trust.accounts.store import Duty

pytestmark = pytest.mark.long

FORM = "application/x-www-form-urlencoded"
WEB = Path(node.web.__file__).parent
HANDLES = {"h": "A" * 22, "r": "r1", "d": "d1", "n": "1", "p": "p1", "i": "i1", "e": "2026"}
GUARDED = [page for page in PAGES if page.duties is not None]
POSTS = [page for page in GUARDED if page.method == "POST" and Duty.CLINICIAN in (page.duties or ())]
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def path_of(page: Page) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: HANDLES.get(found[1], "x"), page.template)


def named(page: Page) -> str:
    return f"{page.method} {page.template}"


@pytest.fixture(scope="module")
def clinician(nodes: list[Node]) -> str:
    return account(nodes[0], "e.door", "--full-name", "Dr Eva Door", "--profession", "physician")


@pytest.fixture(scope="module")
def browser(nodes: list[Node], clinician: str) -> Browser:
    one = Browser(nodes[0])
    assert one.sign_in(clinician).address == "/patients"
    return one


def test_I18_every_page_of_a_role_sends_whoever_is_not_signed_in_to_the_door(nodes):
    stranger = Browser(nodes[0])
    stranger.cookies["__Host-sid"] = "a" * 43  # guessed
    for page in GUARDED:
        path = path_of(page)
        answer = stranger.get(path) if page.method == "GET" else stranger.post(path, token="x")
        assert answer.address == "/sign-in", named(page)


def test_I18_every_page_of_another_role_is_refused_and_that_is_on_record(nodes, browser):
    for page in GUARDED:
        if Duty.CLINICIAN not in (page.duties or ()):
            path = path_of(page)
            answer = browser.get(path) if page.method == "GET" else browser.post(path, token="x")
            assert (answer.status, "SEC-11" in answer.text) == (403, True), named(page)


def test_I18_a_session_is_new_at_sign_in_sealed_to_the_browser_and_gone_at_the_node(nodes, clinician):
    one = Browser(nodes[0])
    one.cookies["__Host-sid"] = "planted" * 7
    door = one.get("/sign-in")
    form = dict(door.form("/sign-in").form_values()) | {"name": clinician, "password": PASSWORD}
    raw = one.raw("POST", "/sign-in", urlencode(form).encode(), {"Content-Type": FORM, "Origin": one.origin})
    (cookie,) = [line for line in raw.headers.get_all("Set-Cookie") if line.startswith("__Host-sid=")]
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    value = cookie.partition("=")[2].partition(";")[0]
    assert value not in ("", "planted" * 7)
    one.cookies["__Host-sid"] = value
    assert one.get("/patients").address == "/patients"
    one.submit(one.get("/patients"), "/sign-out")
    one.cookies["__Host-sid"] = value  # somebody kept it
    assert one.get("/patients").address == "/sign-in"


def test_I18_closing_an_account_ends_its_sessions_at_once(nodes):
    name = account(nodes[0], "g.one", "--profession", "nurse")
    one = Browser(nodes[0])
    one.sign_in(name)
    nodes[0].run("user", "close", name)
    assert one.get("/patients").address == "/sign-in"


def test_I18_a_new_password_ends_the_sessions_of_the_old_one(nodes):
    name = account(nodes[0], "g.two", "--profession", "nurse")
    one = Browser(nodes[0])
    one.sign_in(name)
    until = time.time() + 1.1  # an account says the second in which it was changed
    while time.time() < until:
        assert one.get("/patients").address == "/patients"
    account(nodes[0], name, "--profession", "nurse")
    assert one.get("/patients").address == "/sign-in"


def test_I17_no_form_is_taken_without_the_token_of_its_session(nodes, browser, clinician):
    other = Browser(nodes[0])
    theirs = dict(other.sign_in(clinician).form("/patients/search").form_values())["token"]
    for page, token in zip(POSTS, itertools.cycle(("", "x", theirs)), strict=False):
        answer = browser.post(path_of(page), token=token)
        assert (answer.status, "SEC-12" in answer.text) == (403, True), (named(page), token)
    other.submit(other.get("/patients"), "/sign-out")


def test_I17_no_form_is_taken_from_elsewhere_even_with_the_token(nodes, browser):
    token = dict(browser.get("/patients").form("/patients/search").form_values())["token"]
    body = urlencode({"token": token, "number": "1"}).encode()
    path = "/patients/search"
    wrong = {
        "another origin": (FORM, {"Origin": "https://evil.example"}),
        "an opaque origin": (FORM, {"Origin": "null"}),
        "the port for systems": (FORM, {"Origin": f"https://localhost:{nodes[0].base + 1}"}),
        "across sites": (FORM, {"Sec-Fetch-Site": "cross-site"}),
        "within the site": (FORM, {"Sec-Fetch-Site": "same-site"}),
        "text": ("text/plain", {}),
        "JSON": ("application/json", {}),
        "a file": ("multipart/form-data; boundary=x", {}),
    }
    for what, (kind, headers) in wrong.items():
        answer = browser.send(path, body, kind, **headers)
        assert (answer.status, "SEC-12" in answer.text) == (403, True), what
    assert browser.send(path, body, FORM).status == 200


def test_I17_reading_changes_nothing(browser):
    for page in POSTS:
        if not any(other.template == page.template and other.method == "GET" for other in PAGES):
            assert browser.get(path_of(page)).status == 405, named(page)


@pytest.mark.parametrize("path", ["/sign-in", "/patients", "/nowhere", "/node", "/p/AAAA", "/p/AAAA/publish/x"])
def test_I19_every_page_forbids_frames_sniffing_and_keeping(browser, path):
    answer = browser.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["content-security-policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ):
        assert part in policy
    assert "unsafe" not in policy


def test_I19_the_page_asks_nothing_of_another_host(browser):
    for path in ("/patients", "/nowhere"):
        for address in browser.get(path).tree.xpath("//@src | //@href | //@action"):
            assert address.startswith(("/", "#", "?")), address


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost:1@evil.example", "LOCALHOST\tx"])
def test_I19_another_host_is_not_served(browser, host):
    assert browser.raw("GET", "/sign-in", b"", {"Host": host}).status in (400, 421)


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "evil",
        "/%0d%0aX: 1",
        "\r\nX: 1",
    ],
)
def test_I19_nobody_is_sent_elsewhere(browser, back):
    token = dict(browser.get("/patients").form("/settings").form_values())["token"]
    body = urlencode({"token": token, "back": back, "language": "en"}).encode()
    answer = browser.raw("POST", "/settings", body, {"Content-Type": FORM, "Origin": browser.origin})
    assert answer.status == 303
    assert re.fullmatch(r"/([^/\\\r\n][^\r\n]*)?", answer.headers["Location"])
    assert answer.headers.get("X") is None


def test_I20_a_wrong_password_and_an_unknown_name_get_one_answer(nodes, clinician):
    answers = []
    for name, password in ((clinician, "wrong wrong wrong"), ("nobody.here", PASSWORD), ("nobody.here", "")):
        page = Browser(nodes[0]).sign_in(name, password)
        answers.append((page.status, page.text.replace(name, "")))
    assert len(set(answers)) == 1
    assert answers[0][0] == 403
    assert Browser(nodes[0]).sign_in(clinician).address == "/patients"


@pytest.mark.parametrize(
    "word", ["%", "_%", "%%%", "' OR 1=1 --", '"; DROP TABLE account; --', "*", "{{7*7}}", "${7*7}"]
)
def test_I2_wildcards_and_pieces_of_languages_are_only_text(nodes, browser, word):
    """I1, I2, I22: in the search for patients, which reads the index with LIKE-free queries and shows what was typed."""
    nodes[0].know("WILDCARD^^^&2.999.1.1&ISO")
    for fields in ({"number": word}, {"family": word, "given": word}):
        form = browser.get("/patients")
        found = browser.submit(form, "/patients/search", **fields)
        assert found.status == 200
        assert "No patient here matches" in found.text
        typed = dict(found.form("/patients/search").form_values())
        assert word in typed.values()
        assert "49" not in typed.values()


def test_I22_no_template_and_no_module_of_the_pages_trusts_text_as_markup():
    for path in (WEB / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'\|\s*safe|autoescape|\sstyle=|\son[a-z]+="|<script>|https?://', text), path
    unsafe = {"pickle", "marshal", "shelve", "yaml", "jsonpickle"}
    for path in WEB.rglob("*.py"):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in one.names] if isinstance(one, ast.Import) else []
            names += [one.module or ""] if isinstance(one, ast.ImportFrom) else []
            assert unsafe.isdisjoint(name.partition(".")[0] for name in names), path


def test_a_patient_of_somebody_else_is_not_reached_by_the_address(nodes, browser, patient):
    """A handle is of one user and one session's findings: another user, and the same user later, has to search."""
    opened = browser.open_patient(patient.partition("^")[0])
    handle = opened.address.partition("?")[0]
    assert patient.partition("^")[0] not in opened.address
    other = Browser(nodes[0])
    other.sign_in(account(nodes[0], "h.two", "--profession", "nurse"))
    assert (other.get(opened.address).status, other.get(handle).status) == (404, 404)
    theirs = other.open_patient(patient.partition("^")[0]).address.partition("?")[0]
    assert theirs != handle
