"""Checks on the bytes of a document before anything parses it (threats 3.2).

The parser's own limits let 10,000 attributes pass and intern every name for the life of the thread. Looking at the
bytes is cheap because most pieces of a message (`rim:ValueList>`) have been seen before: only new ones are examined.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from node.soap.faults import SoapFault, sender, too_large
from node.soap.limits import XmlLimits
from node.soap.vocabulary import expected_names

_DECLARATION = re.compile(rb"<\?xml\s[^?]{0,200}\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_VERSION = re.compile(rb"""version\s*=\s*["']([0-9.]+)["']""")
_NAMESPACE = re.compile(rb"""xmlns(?::[^\s=<>"']*)?\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*:")
_ATTRIBUTE = re.compile(rb"""[\s"']([^\s"'<>=/]+)\s*=\s*["']""")
_NAME = re.compile(rb"/?([^\s/>!?]+)")
_REFERENCE = re.compile(rb"&(?!#|amp;|lt;|gt;|quot;|apos;)")
_ID = re.compile(rb"(?:^|:)(?:ID|Id)$|^xml:id$")
_UTF8: Final = frozenset({"utf-8", "utf8"})
_UTF16: Final = frozenset({"utf-16", "utf-16le", "utf-16be", "utf16"})

SMALL: Final = 64 * 1024  # above, a document is parsed with a dictionary of names of its own
_MOST_NAMES: Final = 8192
_MOST_PIECES: Final = 8192
_LONGEST_PIECE: Final = 512
_MOST_SHAPES: Final = 2048
_SHORTEST_WIDE: Final = 5 * 33  # no tag of fewer bytes can hold 33 namespaces or 65 attributes


def as_utf8(data: bytes, charset: str) -> bytes:
    """`data` as UTF-8 without a byte order mark, once its encoding is known to be UTF-8 or UTF-16.

    Args:
        data: the document as it arrived.
        charset: the charset parameter of its Content-Type, "" when there is none.

    Raises:
        SoapFault: another encoding, or mark, declaration and charset disagree, or bytes that are not characters.
    """
    charset = charset.strip("\"' ").lower()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _from_utf16(data, charset)
    if charset and charset not in _UTF8:
        raise sender("the charset of the Content-Type is neither UTF-8 nor that of the message")
    if data.startswith(codecs.BOM_UTF8):
        data = data[3:]
    if data.startswith(b"<?xml"):
        _declared(data, _UTF8)
    if not data.isascii():
        _decoded(data, "utf-8")
    return data


def _from_utf16(data: bytes, charset: str) -> bytes:
    if charset and charset not in _UTF16:
        raise sender("the message is UTF-16 and its Content-Type names another charset")
    converted = _decoded(data, "utf-16").encode()
    if not converted.startswith(b"<?xml"):
        return converted
    # The declaration named UTF-16, which is no longer true.
    return converted[_declared(converted, _UTF16) :]


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise sender(f"the message is not valid {encoding.upper()}") from None


def _declared(data: bytes, allowed: frozenset[str]) -> int:
    """Check the XML declaration at the start of `data` and return where it ends."""
    found = _DECLARATION.match(data)
    if found is None:
        raise sender("the XML declaration cannot be read")
    version = _VERSION.search(found.group())
    if version is None or version[1] != b"1.0":
        raise sender("the XML version is not 1.0")
    encoding = _ENCODING.search(found.group())
    if encoding and encoding[1].decode("ascii").lower() not in allowed:
        raise sender("the XML declaration names another encoding than the message has")
    return found.end()


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the bytes tell: which checks the tree still needs.

    `foreign`: the document brings names that the dictionary of this thread must not keep.
    """

    foreign: bool
    deep: bool
    ids: bool
    instructions: bool
    namespaces: bool


class Vocabulary:
    """The names this process has met, up to a bound; beyond it nothing is remembered.

    libxml2 keeps every name of every document for the life of a thread, so that unique names would fill the
    memory. Documents with names beyond the bound are parsed in a thread that ends (node.soap.message).
    """

    __slots__ = ("_names", "_pieces", "_shapes")

    def __init__(self) -> None:
        # Known from the start, so that whoever fills the rest does not slow down ordinary messages.
        self._names: set[bytes] = set(expected_names())
        self._pieces: set[bytes] = set()
        self._shapes: set[tuple[bytes, ...]] = set()  # names of a tag: another one of the same names brings nothing new

    def scan(self, data: bytes, limits: XmlLimits) -> Scanned:
        """Check size, document type declarations, number of nodes and width of tags.

        Raises:
            SoapFault: a limit is exceeded, or there is a document type declaration.
        """
        if len(data) > limits.size:
            raise too_large(f"the message is larger than {limits.size} bytes without its documents")
        return self._scan_small(data, limits) if len(data) <= SMALL else _scan_large(data, limits)

    def _scan_small(self, data: bytes, limits: XmlLimits) -> Scanned:
        foreign = ids = instructions = namespaces = False
        pieces, met = data.split(b"<"), self._pieces
        for piece in set(pieces) - met:
            end = piece.rfind(b">") + 1
            text_names = b"&" in piece and _REFERENCE.search(piece) is not None
            if piece[:end] in met and not text_names:
                continue  # a known tag with other text
            shape = _shape(piece, limits)
            if shape in self._shapes and not text_names:
                self._keep(piece[:end])
                continue  # known names with other values
            found = _examine(piece, limits)
            known = self._know(found.names) and not text_names and not found.instruction
            foreign |= not known
            ids |= found.identified
            instructions |= found.instruction
            namespaces |= found.relative
            if known and not (found.identified or found.relative):
                self._keep(piece[:end])
                if shape and len(self._shapes) < _MOST_SHAPES:
                    self._shapes.add(shape)
        # An element nested that deep has as many closing tags behind it.
        return Scanned(foreign, len(pieces) > 2 * limits.depth, ids, instructions, namespaces)

    def _know(self, names: list[bytes]) -> bool:
        for name in names:
            if name in self._names:
                continue
            if len(self._names) >= _MOST_NAMES or len(name) > 128:
                return False
            self._names.add(name)
        return True

    def _keep(self, piece: bytes) -> None:
        if 0 < len(piece) <= _LONGEST_PIECE:
            if len(self._pieces) >= _MOST_PIECES:
                self._pieces.clear()
            self._pieces.add(piece)


def _scan_large(data: bytes, limits: XmlLimits) -> Scanned:
    """A large document gets a dictionary of names of its own, so that only its shape matters."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise _declares_types()
    opened = data.count(b"<")
    if opened > limits.nodes and opened - data.count(b"</") > limits.nodes:
        raise too_large(f"the message has more than {limits.nodes} nodes")
    for piece in data.split(b"<"):
        if len(piece) >= _SHORTEST_WIDE:
            _attributes(piece, limits)
    relative = any(not _ABSOLUTE.match(one or other) for one, other in _NAMESPACE.findall(data))
    return Scanned(True, opened > 2 * limits.depth, True, data.find(b"<?", 5) >= 0, relative)  # noqa: FBT003


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one piece between two `<` brings."""

    names: list[bytes]
    identified: bool
    instruction: bool
    relative: bool


def _shape(piece: bytes, limits: XmlLimits) -> tuple[bytes, ...]:
    """The names in a start tag; () where its values matter too (namespaces) or it is something else."""
    element = _NAME.match(piece)
    if element is None or b"xmlns" in piece or piece[0] in b"!?":
        return ()
    return (element[1], *_attributes(piece, limits))


def _examine(piece: bytes, limits: XmlLimits) -> _Piece:
    if piece.startswith((b"!DOCTYPE", b"!ENTITY")):
        raise _declares_types()
    names = _attributes(piece, limits)
    identified = any(_ID.search(name) for name in names)
    element = _NAME.match(piece)
    if element:
        names.append(element[1])
    uris = [one or other for one, other in _NAMESPACE.findall(piece)] if b"xmlns" in piece else []
    return _Piece(
        names=names + uris,
        identified=identified,
        instruction=piece.startswith(b"?") and not piece.startswith(b"?xml "),
        relative=any(not _ABSOLUTE.match(uri) for uri in uris),
    )


def _attributes(piece: bytes, limits: XmlLimits) -> list[bytes]:
    """Names of the attributes in one piece; text may look like an attribute, which only makes the check stricter."""
    if b"=" not in piece:
        return []
    end = piece.rfind(b">")
    names = _ATTRIBUTE.findall(piece if end < 0 else piece[:end])
    if len(names) > limits.namespaces:
        declared = sum(name.startswith(b"xmlns") for name in names)
        if declared > limits.namespaces or len(names) - declared > limits.attributes:
            raise too_large(
                f"an element has more than {limits.attributes} attributes or {limits.namespaces} namespaces"
            )
    return names


def _declares_types() -> SoapFault:
    return sender("a document type declaration is not allowed")
