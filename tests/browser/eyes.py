"""What a test of pages sees: a window that notes scripts, requests and messages, and keeps every picture.

`look` is the one way to a picture: it also asks axe for violations of WCAG 2.2 AA, whether the page is wider than the
window, and whether anything was requested elsewhere or said on the console. Pictures lie in `.test-results/browser`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / ".test-results" / "browser"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]


@dataclass(frozen=True)
class Variant:
    """How a person looks at the pages."""

    language: str
    colours: str
    width: int

    def __str__(self) -> str:
        return f"{self.language}-{self.colours}-{self.width}"


VARIANTS = (
    Variant("en", "light", 1280),
    Variant("zh-CN", "dark", 390),
    Variant("en", "dark", 1280),
    Variant("zh-CN", "light", 390),
)


@dataclass(frozen=True)
class Demo:
    """The running demonstration: where it is, the people's password, what it printed."""

    folder: Path
    base: int
    password: str
    said: str

    def node(self, number: int) -> Path:
        """The folder of a node, from 1 on."""
        return self.folder / f"node{number}"


@dataclass
class Eyes:
    """One window; `noticed` is everything that must not happen, as words."""

    variant: Variant
    demo: Demo
    browser: Any
    number: int = 1  # of the node whose pages these are
    scripts: bool = True
    noticed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.origin = f"https://localhost:{self.demo.base + 10 * (self.number - 1)}"
        self.context = self.browser.new_context(
            ignore_https_errors=True,
            locale=self.variant.language,
            color_scheme=self.variant.colours,
            viewport={"width": self.variant.width, "height": 800},
            java_script_enabled=self.scripts,
        )
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda problem: self.noticed.append(f"script failed: {problem}"))
        self.context.on("request", self._request)

    def _console(self, message: Any) -> None:
        # A page that refuses (403, 404, 422 ...) is said on the console as well; the tests look at its text.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.noticed.append(f"console: {message.text}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:" + self.origin, "about:")):
            self.noticed.append(f"request elsewhere: {request.url}")

    def go(self, path: str) -> None:
        """Open a page by its path."""
        self.page.goto(self.origin + path)

    def sign_in(self, name: str) -> None:
        """As one of the demonstration's people."""
        self.go("/sign-in")
        self.page.fill("[name=name]", name)
        self.page.fill("[name=password]", self.demo.password)
        with self.page.expect_navigation():
            self.page.press("[name=password]", "Enter")

    def text(self) -> str:
        """What the page says."""
        return str(self.page.inner_text("body"))

    def look(self, name: str) -> None:
        """Keep a picture of the whole page; fail for whatever nobody should have to see."""
        from axe_playwright_python.sync_playwright import Axe

        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}-{self.variant}.png", full_page=True)
        found = Axe().run(self.page, options={"runOnly": {"type": "tag", "values": RULES}}).response["violations"]
        wide = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        problems = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]
        problems += ["wider than the window"] if wide else []
        assert problems + self.noticed == [], f"{name} ({self.variant}) at {self.page.url}"

    def close(self) -> None:
        """Close the window; what was noticed since the last look counts as well."""
        self.context.close()
        assert self.noticed == []
