"""Every text of our own that stands within a drawing: the pages give them in the reader's language. Pure."""

from __future__ import annotations

from typing import Final

from node.web.drawing.entries import NULL_FLAVORS
from node.web.drawing.header import NAMES, SEX_WORDS

TEXTS: Final = (
    *NAMES,
    *SEX_WORDS.values(),
    *NULL_FLAVORS.values(),
    "Document",
    "Sections",
    "Text outside of the sections",
    "inserted",
    "deleted",
    "hidden in the file",
    "struck out",
    "added",
    "removed",
    "changed",
    "Page {n}",
    "Differences: {n}.",
    "The texts are the same.",
    "NOT:",
    "image within the document",
    "The document says of this section: {what}.",
    "Coded entries without text: {n}. They are in the original file.",
    "Coded entries that say something is NOT so: {n}.",
    "Sections below this one are too deep to be drawn in their place.",
    "This part could not be drawn as it was laid out; this is its text.",
    "A region of the image is marked. The mark is in the original file.",
    "A part that is not shown here: {what}. It is in the original file, or lies elsewhere and was not loaded.",
    "A file within the document has {n} pages. Only the first are shown here.",
    "This file is damaged. What it holds is shown as it was written, with its tags.",
    "The character set is declared wrongly. It was read as {name}.",
    "The character set is not declared. It was read as {name}.",
    "Only the text of this file is shown. Its layout is in the original file.",
    "Only the first {n} characters are shown. The whole is in the original file.",
)
