"""Documents that may be XML: what is read of them, and what reading one may cost."""

from __future__ import annotations

import pytest

from node.documents import xml_documents


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'<?xml version="1.0"?><?xml-stylesheet href="a.xsl"?><a>b</a>', "b"),
        (b"<a><?x y?>b</a><?z?>", "b"),
        (b"<a><![CDATA[<?x y?>]]></a>", "<?x y?>"),
        (b"<a>b<!-- <?x y?> --></a>", "b"),
        (b"<a>b</a><?x", None),
        (b"<a>b</a><!-- <?x?>", None),
        (b"<a><?x?><![CDATA[b</a>", None),
    ],
)
def test_instructions_are_left_out(content: bytes, text: str | None) -> None:
    root = xml_documents.read(content)
    assert (None if root is None else "".join(root.itertext(tag=[root.tag]))) == text


@pytest.mark.parametrize("opening", [b"<!--", b"<![CDATA[", b"<?x "])
def test_what_is_never_closed_is_looked_at_once(opening: bytes) -> None:
    """Two megabytes of openings, each sought to the end, took hours in which no other request was answered."""
    assert xml_documents.read(b"<a><?x?>" + opening * (2 * 1024 * 1024 // len(opening))) is None
