"""A summary as CDA and as HTML (HL7 CDA R2; content-wire 7.4). Pure.

All text is escaped; the CDA keeps to the schema whatever its sources did. The same summary gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Final

from node.summary.content import (
    NOTE,
    STATEMENT,
    Block,
    Bullets,
    Excerpt,
    Paragraph,
    Source,
    Summary,
    Table,
    provenance,
)
from registry.metadata.values import is_oid, readable_dtm

TITLE: Final = "Patient summary"
CDA: Final = "text/xml"
HTML: Final = "text/html"
_LOINC: Final = 'codeSystem="2.16.840.1.113883.6.1" codeSystemName="LOINC"'
_SEX: Final = "2.16.840.1.113883.5.1"
_HEADINGS: Final = ("Document", "Institution", "Date (UTC)", "Identifier", "Remark")


def cda(summary: Summary, unique_id: str) -> bytes:
    """ClinicalDocument; `unique_id` is an OID, or "" while the document's own id is not known yet."""
    patient, time = summary.patient, _time(summary.as_of)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>',
        f'<id root="{unique_id or "2.25.0"}"/>',
        f'<code code="60591-5" {_LOINC} displayName="Patient summary Document"/>',
        f"<title>{TITLE}: {escape(summary.institution)}</title>",
        f"<effectiveTime {time}/>",
        '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en-US"/>',
        f'<recordTarget><patientRole><id root="{patient.authority}" extension="{escape(patient.identifier)}"/>',
        f"{_person(summary)}</patientRole></recordTarget>",
        f'<author><time {time}/><assignedAuthor><id root="{summary.home}"/><assignedAuthoringDevice>',
        "<softwareName>xdsnode</softwareName></assignedAuthoringDevice><representedOrganization>",
        f'<id root="{summary.home}"/><name>{escape(summary.institution)}</name></representedOrganization>',
        "</assignedAuthor></author><custodian><assignedCustodian><representedCustodianOrganization>",
        f'<id root="{summary.home}"/><name>{escape(summary.institution)}</name>',
        "</representedCustodianOrganization></assignedCustodian></custodian><component><structuredBody>",
        *(_section(kind, title, found) for kind, title, found in summary.sections()),
        _sources(summary),
        "</structuredBody></component></ClinicalDocument>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _time(dtm: str) -> str:
    return f'value="{dtm}"' if dtm else 'nullFlavor="UNK"'


def _person(summary: Summary) -> str:
    patient = summary.patient
    given = f"<given>{escape(patient.given)}</given>" if patient.given else ""
    family = f"<family>{escape(patient.family)}</family>" if patient.family else ""
    name = f"<name>{given}{family}</name>" if given or family else ""
    sex = patient.sex if patient.sex in {"F", "M"} else "UN" if patient.sex else ""
    gender = f'<administrativeGenderCode code="{sex}" codeSystem="{_SEX}"/>' if sex else ""
    born = f'<birthTime value="{patient.born}"/>' if patient.born else ""
    return f"<patient>{name}{gender}{born}</patient>" if name or gender or born else ""


def _section(kind: str, title: str, found: list[tuple[Source, Excerpt]]) -> str:
    """A section with a part for each document that it is from."""
    code = f'<code code="{kind}" {_LOINC}/>' if kind != NOTE else f'<code code="34109-9" {_LOINC}/>'
    parts = "".join(
        f"<component><section><title>{escape(provenance(source))}</title>"
        f"<text>{''.join(map(_narrative, excerpt.blocks))}</text></section></component>"
        for source, excerpt in found
    )
    return f"<component><section>{code}<title>{escape(title)}</title>{parts}</section></component>"


def _narrative(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<paragraph>{_lines(block.text, '<br/>')}</paragraph>"
    if isinstance(block, Bullets):
        items = ("".join(map(_narrative, item)) for item in block.items)
        return f"<list>{''.join(f'<item>{item}</item>' for item in items)}</list>"
    return _table(block, "<br/>")


def _sources(summary: Summary) -> str:
    references = "".join(
        '<entry><act classCode="ACT" moodCode="EVN"><code nullFlavor="NA"/><reference typeCode="XCRPT">'
        f"<externalDocument>{_id(source.unique_id)}</externalDocument></reference></act></entry>"
        for source in summary.sources
    )
    return (
        f"<component><section><title>Sources</title><text><paragraph>{STATEMENT}</paragraph>"
        f"{_table(sources_table(summary), '<br/>')}</text>{references}</section></component>"
    )


def sources_table(summary: Summary) -> Table:
    """Every document that it is made of, or that was looked at."""
    rows = [
        (source.title, source.institution, readable_dtm(source.created), source.unique_id, source.remark)
        for source in summary.sources
    ]
    return Table((_HEADINGS, *(rows or [("No document that can be shown.", "", "", "", "")])), 1)


def _id(unique_id: str) -> str:
    root, _, extension = unique_id.partition("^")
    if not is_oid(root):
        return '<id nullFlavor="OTH"/>'
    return f'<id root="{root}" extension="{escape(extension)}"/>' if extension else f'<id root="{root}"/>'


def _table(table: Table, line_end: str) -> str:
    """The same elements in CDA and in HTML; rows of one length, as both want it."""
    width = max(len(row) for row in table.rows)

    def row(cells: tuple[str, ...], tag: str) -> str:
        filled = (*cells, *[""] * (width - len(cells)))
        return f"<tr>{''.join(f'<{tag}>{_lines(cell, line_end)}</{tag}>' for cell in filled)}</tr>"

    head = "".join(row(one, "th") for one in table.rows[: table.heads])
    rows = "".join(row(one, "td") for one in table.rows[table.heads :]) or row(("",), "td")
    return f"<table>{f'<thead>{head}</thead>' if head else ''}<tbody>{rows}</tbody></table>"


def _lines(text: str, line_end: str) -> str:
    return line_end.join(escape(line) for line in text.split("\n"))


_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}table{border-collapse:collapse}"
    "th,td{border:1px solid #888;padding:.2rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    ".from{color:#444;font-size:.9rem}"
)


def html(summary: Summary, _unique_id: str = "") -> bytes:
    """A page without scripts, that loads nothing."""
    patient = summary.patient
    facts = (
        ("Patient", " ".join(filter(None, (patient.given, patient.family)))),
        ("Born", readable_dtm(patient.born)),
        ("Identifier", f"{patient.identifier} ({patient.authority})"),
        ("Compiled by", summary.institution),
        ("Newest document", readable_dtm(summary.as_of)),
    )
    header = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    sections = "".join(
        f"<section><h2>{escape(title)}</h2>"
        + "".join(
            f"<h3 class=from>{escape(provenance(source))}</h3>{''.join(map(_html, excerpt.blocks))}"
            for source, excerpt in found
        )
        + "</section>"
        for _, title, found in summary.sections()
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{TITLE}</title><style>{_STYLE}</style></head><body><h1>{TITLE}</h1><dl>{header}</dl>"
        f"<p>{STATEMENT}</p>{sections}<section><h2>Sources</h2>{_table(sources_table(summary), '<br>')}</section>"
        "</body></html>\n"
    ).encode()


def _html(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{_lines(block.text, '<br>')}</p>"
    if isinstance(block, Bullets):
        items = ("".join(map(_html, item)) for item in block.items)
        return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
    return _table(block, "<br>")


FORMS: Final[dict[str, Callable[[Summary, str], bytes]]] = {CDA: cda, HTML: html}
