"""What the coded entries of a section say that its text may not: how many there are, and which are negated. Pure.

Entries and negation: CDA R2, 4.3; the words of nullFlavor: HL7 V3 data types. Source: threats I16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree

from node.web.drawing.marks import Words, note, shown, word
from node.web.drawing.trees import V3, every, first, line_of, text_of

_MOST_NEGATED: Final = 50
NULL_FLAVORS: Final = {
    "NI": "no information",
    "NA": "not applicable",
    "UNK": "not known",
    "ASKU": "asked, not known",
    "NAV": "not available now",
    "NASK": "not asked",
    "MSK": "withheld",
    "OTH": "something else",
    "NINF": "no information",
}
_NAMES: Final = ("code", "value", "participant/participantRole/playingEntity/code")
_DRUG: Final = "consumable/manufacturedProduct/manufacturedMaterial/code"


def remarks(section: etree._Element, texts: Sequence[etree._Element], words: Words) -> str:
    """Remarks below the text of a section, as HTML."""
    parts = []
    for element in (section, *texts):
        flavor = element.get("nullFlavor")
        if flavor:
            said = words.get(NULL_FLAVORS.get(flavor, ""), NULL_FLAVORS.get(flavor, "")) or flavor
            parts.append(note(words, "The document says of this section: {what}.", what=f"{said} ({flavor[:10]})"))
    entries = section.findall(f"{V3}entry")
    if entries and not any(text_of(text).strip() for text in texts):
        parts.append(note(words, "Coded entries without text: {n}. They are in the original file.", n=len(entries)))
    negated = [one for entry in entries for one in entry.iter() if one.get("negationInd") in ("true", "1")]
    if negated:
        parts.append(note(words, "Coded entries that say something is NOT so: {n}.", n=len(negated)))
        named = _named(negated, section)
        denied = word(words, "NOT:")
        items = "".join(f"<li><b>{denied}</b> {shown(name)}</li>" for name in named)
        parts.append(f'<ul class="negated">{items}</ul>' if items else "")
    return "".join(parts)


def _named(negated: list[etree._Element], section: etree._Element) -> list[str]:
    """What is negated, in the words of the document: of its text, else of its codes."""
    places = {str(one.get("ID")): one for one in section.iter() if one.get("ID")}
    found = []
    for element in negated[:_MOST_NEGATED]:
        reference = first(element, "text/reference")
        target = (reference.get("value") or "").removeprefix("#") if reference is not None else ""
        said = line_of(places.get(target))[:300] or _codes(element)
        found += [said] if said else []
    return found


def _codes(element: etree._Element) -> str:
    codes = [code for path in (*_NAMES, _DRUG) for code in every(element, path)]
    said = [code.get("displayName") or line_of(first(code, "originalText")) or code.get("code") or "" for code in codes]
    return " · ".join(dict.fromkeys(text.strip()[:200] for text in said if text.strip()))
