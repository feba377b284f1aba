"""What every page has in common: templates with autoescape, static files, headers (ui 6.8; threats I10, I13, I19)."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from node.web import dates
from node.web.language import ENGLISH, pairs, translations
from node.web.phrases import Phrases

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types node-html"
)
_FEATURES: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), display-capture=()"
SECURITY: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends forms with Origin: null
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": _FEATURES,
    "Strict-Transport-Security": "max-age=31536000",
}
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_IMMUTABLE: Final = "public, max-age=31536000, immutable"


def document_policy(origin: str) -> dict[str, str]:
    """Headers of the response inside a document's frame: an opaque origin that loads one style sheet and nothing else.

    The full origin instead of 'self': a sandboxed document has none, and engines differ in what 'self' then matches.
    """
    policy = (
        f"sandbox; default-src 'none'; style-src {origin}/static/; img-src data:; form-action 'none'; base-uri 'none'; "
        f"frame-ancestors {origin}"
    )
    return {**SECURITY, "Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that is the same for everybody, kept by browsers for a year under a name with its digest."""

    content: bytes
    headers: Mapping[str, str]


class Frame:
    """Templates in every language, and the static files."""

    def __init__(self) -> None:
        self._static: dict[str, StaticFile] = {}
        self._names: dict[str, str] = {}
        for one in resources.files("node.web").joinpath("static").iterdir():
            self._take(one.name, one.read_bytes())
        self._words = translations()
        self._phrases = {language: Phrases.of(pairs(words)) for language, words in self._words.items()}
        self._environments = {language: self._environment(language, words) for language, words in self._words.items()}

    def static(self, name: str) -> StaticFile | None:
        """A static file by its name with digest."""
        return self._static.get(name)

    def url(self, name: str) -> str:
        """Where a static file is."""
        return f"/static/{self._names[name]}"

    def render(self, template: str, language: str, values: Mapping[str, object]) -> str:
        """One template as HTML."""
        return self._environments[language].get_template(template).render(values)

    def words(self, language: str, text: str) -> str:
        """A text of the code in this language."""
        return self._words[language].gettext(text)

    def phrase(self, language: str, sentence: str) -> str | None:
        """A sentence of the node in this language; None when it has to stay English."""
        return sentence if language == ENGLISH else self._phrases[language].find(sentence)

    def said(self, language: str, sentence: str) -> Markup:
        """The same as HTML, marked as English where it stays so (WCAG 3.1.2)."""
        found = self.phrase(language, sentence)
        return Markup('<span lang="en">{}</span>').format(sentence) if found is None else escape(found)

    def _environment(self, language: str, words: object) -> Environment:
        environment = Environment(
            loader=PackageLoader("node.web", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
        environment.globals["static"] = self.url
        environment.filters["said"] = lambda sentence: self.said(language, str(sentence))
        environment.filters["translated"] = lambda text: self.words(language, text)
        environment.filters["query"] = lambda said: urlencode({name: value for name, value in said.items() if value})
        environment.filters["moment"] = lambda time: dates.moment(time, language)
        environment.filters["when"] = lambda dtm: dates.shown(dtm, language)
        return environment

    def _take(self, name: str, content: bytes) -> None:
        stem, _, ending = name.rpartition(".")
        named = f"{stem}-{sha256(content).hexdigest()[:12]}.{ending}"
        # The frame of a document has an opaque origin: its style sheet alone may be read from anywhere.
        across = "cross-origin" if name == "document.css" else "same-origin"
        self._names[name] = named
        self._static[named] = StaticFile(
            gzip.compress(content, mtime=0),
            {
                **SECURITY,
                "Content-Type": _TYPES[f".{ending}"],
                "Content-Encoding": "gzip",
                "Cache-Control": _IMMUTABLE,
                "Cross-Origin-Resource-Policy": across,
            },
        )
