"""The eight ways of signature wrapping (XSW1 to XSW8), from a genuine assertion and a forged one (threats S1 to S8)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

from lxml import etree

from trust.identity.names import DS, SAML


def _bare(genuine: etree._Element) -> etree._Element:
    """The genuine assertion without its signature."""
    bare = copy.deepcopy(genuine)
    bare.remove(bare.find(f"{{{DS}}}Signature"))
    return bare


def _xsw1(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """The genuine one inside the signature of the forged one."""
    found.append(_bare(genuine))
    forged.insert(1, found)
    return [forged]


def _xsw2(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """The genuine one as a detached neighbour of the forged one's signature."""
    forged.insert(1, _bare(genuine))
    forged.insert(2, found)
    return [forged]


def _xsw3(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """A forged sibling before the genuine one."""
    return [forged, genuine]


def _xsw4(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """The genuine one, whole, as a child of the forged one."""
    forged.append(genuine)
    return [forged]


def _xsw5(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """A changed assertion keeps the signature; the signed content is a copy behind it."""
    forged.insert(1, found)
    return [forged, _bare(genuine)]


def _xsw6(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """As before, with the copy inside the signature, behind its value."""
    found.insert(2, _bare(genuine))
    forged.insert(1, found)
    return [forged]


def _xsw7(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """The forged one inside an extension before the genuine one."""
    extension = etree.Element(f"{{{SAML}}}Extensions")
    extension.append(forged)
    return [extension, genuine]


def _xsw8(genuine: etree._Element, found: etree._Element, forged: etree._Element) -> list[etree._Element]:
    """The genuine one inside a ds:Object of the forged one's signature."""
    etree.SubElement(found, f"{{{DS}}}Object").append(_bare(genuine))
    forged.insert(1, found)
    return [forged]


def _wrapped(arrange: Callable[..., list[etree._Element]], genuine: bytes, forged: bytes) -> bytes:
    whole = etree.fromstring(genuine)
    found = whole.find(f"{{{DS}}}Signature")
    assert found is not None
    return b"".join(map(etree.tostring, arrange(whole, copy.deepcopy(found), etree.fromstring(forged))))


# name -> (genuine assertion, forged one without a signature) -> what stands in wsse:Security
VARIANTS: dict[str, Callable[[bytes, bytes], bytes]] = {
    "S1-inside-the-signature": partial(_wrapped, _xsw1),
    "S2-detached": partial(_wrapped, _xsw2),
    "S3-forged-sibling-first": partial(_wrapped, _xsw3),
    "S4-genuine-inside-forged": partial(_wrapped, _xsw4),
    "S5-copy-behind": partial(_wrapped, _xsw5),
    "S6-copy-inside-signature": partial(_wrapped, _xsw6),
    "S7-extension": partial(_wrapped, _xsw7),
    "S8-object": partial(_wrapped, _xsw8),
}
