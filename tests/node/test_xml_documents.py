"""Documents that may be XML: what is read of them, and what reading one may cost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


# The same rule as one pattern, which is too slow for large documents: no thread goes on while it is sought.
RULE = re.compile(
    rb"(?P<kept><!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))|<\?(?!xml[ \t\r\n])(?:.*?\?>|(?P<open>.*))", re.DOTALL
)


@given(st.lists(st.sampled_from([*xml_documents._ENDS, *xml_documents._ENDS.values(), b"<?xml ", b"x", b"-", b"?"])))
def test_what_is_left_out_follows_the_rule(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    said = RULE.sub(lambda found: found["kept"] or (found[0] if found["open"] is not None else b""), content)
    assert xml_documents._without_instructions(content) == said
