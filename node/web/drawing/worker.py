"""A process of its own that draws one document: `python -P -m node.web.drawing.worker MEMORY SECONDS`.

In: one line of JSON, the job, then the document. Out: one line of JSON, then the picture, if there is one.
It holds nothing, is shut in before a byte of the document is read, and may be killed. Source: threats I12, I15.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from typing import Any, Final

from lxml import etree

from node.documents import xml_documents
from node.documents.cda_header import CLINICAL_DOCUMENT
from node.web.drawing import comparing, confinement, header, kinds, rtf, texts
from node.web.drawing.marks import Words, note, word
from node.web.drawing.narrative import Narrative
from node.web.drawing.pictures import Embedder, Picture, image, page, pages_text
from node.web.drawing.trees import decoded, first, pieces_of

_MOST_READ: Final = 2_000_000  # characters
_DECLARATION: Final = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_FAILURES: Final = (ValueError, MemoryError, RecursionError, OSError, OverflowError, ArithmeticError, LookupError)


def main() -> int:
    """Draw."""
    confinement.confine(memory=int(sys.argv[1]), seconds=int(sys.argv[2]))
    job = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    try:
        said, picture = drawn(content, job)
    except _FAILURES as error:
        why = "memory" if isinstance(error, MemoryError) else str(error)[:40]
        said, picture = {"form": "failed", "why": why}, b""
    out = sys.stdout.buffer
    out.write(json.dumps(said).encode() + b"\n" + picture)
    out.flush()
    return 0


def drawn(content: bytes, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What the job asks for.

    Args:
        content: the document.
        job: `what`: "look", "text" or "compare" (with `split`, where the second document begins); `number`, `full`,
            `turn` of a picture; `words` and `language` for what is drawn as text.

    Raises:
        ValueError: it cannot be drawn.
    """
    if job["what"] == "compare":
        former, latter = (_blocks(part, job) for part in (content[: job["split"]], content[job["split"] :]))
        return {"form": "text", "html": comparing.compared(former, latter, job["words"])}, b""
    if job["what"] == "text":
        return {"form": "text", "text": readable(content, job["language"])}, b""
    kind = kinds.kind_of(content)
    if kind in kinds.IMAGES:
        one = image(content, number=job["number"], full=job["full"], turn=job["turn"])
        return _pictured("image", kind, one)
    if kind == kinds.PDF:
        return _pictured("pdf", kind, page(content, job["number"]))
    words: Words = job["words"]
    if kind == kinds.CDA:
        return _cda(content, job["number"], words)
    if kind == kinds.TEXT:
        return {"form": "text", "kind": kind, "html": texts.plain(content, job["language"], words)}, b""
    if kind == kinds.RTF:
        return {"form": "text", "kind": kind, "html": texts.rich(content, words)}, b""
    return {"form": "none", "kind": kind}, b""


def _blocks(content: bytes, job: dict[str, Any]) -> list[comparing.Block]:
    said, _ = drawn(content, {**job, "what": "look", "number": 1, "full": False, "turn": 0})
    if said["form"] == "pdf":
        return comparing.lines(said["texts"], job["words"])
    if said["form"] not in ("cda", "text"):
        raise ValueError("kind")
    return comparing.blocks(said["html"], job["words"])


def readable(content: bytes, language: str) -> str:
    """The text of a document on one line, for words to be looked for in it; "" for images and what is not known."""
    kind = kinds.kind_of(content)
    text = ""
    if kind == kinds.CDA:
        root, _ = _read(content)
        body = None if root is None else first(root, "component/nonXMLBody/text")
        inside = b"" if body is None else decoded(body)
        if kinds.kind_of(inside) == kinds.PDF:
            text = pages_text(inside)
        else:
            text = texts.read(content, language)[0] if root is None else " ".join(pieces_of(root))
    elif kind == kinds.PDF:
        text = pages_text(content)
    elif kind == kinds.TEXT:
        text = texts.read(content, language)[0]
    elif kind == kinds.RTF:
        text = "".join(piece.text for piece in rtf.pieces(content))
    return " ".join(text.split())[:_MOST_READ]


def _cda(content: bytes, number: int, words: Words) -> tuple[dict[str, Any], bytes]:
    root, guessed = _read(content)
    if root is None:
        damaged = note(words, "This file is damaged. What it holds is shown as it was written, with its tags.")
        return {"form": "text", "kind": kinds.CDA, "html": damaged + texts.plain(content, "", words)}, b""
    if root.tag != CLINICAL_DOCUMENT:
        return {"form": "none", "kind": "text/xml"}, b""
    about = {"subject": asdict(header.subject(root))}
    body = first(root, "component/nonXMLBody/text")
    inside = b"" if body is None else decoded(body)
    if kinds.kind_of(inside) == kinds.PDF:
        said, picture = _pictured("pdf", kinds.CDA, page(inside, number))
        return {**said, **about, "html": header.grid(root, words)}, picture
    embedder = Embedder(
        word(words, "image within the document"),
        lambda pages: note(words, "A file within the document has {n} pages. Only the first are shown here.", n=pages),
        lambda text: texts.plain(text, "", words),
    )
    html = Narrative(root, words, embedder).html()
    if guessed:
        html = note(words, "The character set is declared wrongly. It was read as {name}.", name=guessed) + html
    return {"form": "cda", "kind": kinds.CDA, "html": html, **about}, b""


def _read(content: bytes) -> tuple[etree._Element | None, str]:
    """The root element; where the declared character set is not that of the bytes, in one that is guessed and said."""
    root = xml_documents.read(content)
    if root is not None:
        return root, ""
    text, guessed = texts.read(content, "")
    if not guessed:
        return None, ""
    return xml_documents.read(_DECLARATION.sub("", text, count=1).encode()), guessed


def _pictured(form: str, kind: str, one: Picture) -> tuple[dict[str, Any], bytes]:
    said = {
        "form": form,
        "kind": kind,
        "width": one.width,
        "height": one.height,
        "pages": min(one.pages, 99_999),
        "texts": one.texts,
        "active": one.active,
        "full": one.full,
    }
    return said, one.content


if __name__ == "__main__":
    sys.exit(main())
