"""The pitfalls of SOAP and MIME (xds-wire 10, 1 to 13): each is a leniency with its recorded message, or a test.

A pitfall in reading is a leniency of the table of tolerances; one in writing, or one that is no deviation, is shown by
the test that is named here. The pitfalls of metadata, folders, queries and retrieval are in `tests/pitfalls`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from node.soap.leniencies import Leniency
from node.soap.mtom import MtomWriter
from node.soap.writing import write_envelope
from tests.node.soap.test_tolerance_table import PART, RECORDED, ROOT, Recorded, envelope, package, received

TOP = Path(__file__).resolve().parents[3]
HERE = "tests/node/soap/test_pitfalls.py"
# Pitfall -> what shows it.
PITFALLS: dict[str, tuple[Leniency | str, ...]] = {
    "P1-blanks-around-an-action": (Leniency.PADDED_ADDRESS,),
    "P2-SOAPAction-is-ignored": ("tests/attacks/test_http_attacks.py::test_m11_http_action_is_ignored",),
    "P3-packaging-of-the-answer": (
        "tests/node/http/test_soap_endpoint.py::test_packaging_follows_the_request_also_for_faults",
    ),
    "P4-inline-documents": (Leniency.INLINE_DOCUMENT,),
    "P5-start-and-start-info": (
        *(Leniency.START_MISSING, Leniency.START_WITHOUT_BRACKETS, Leniency.START_UNKNOWN),
        "tests/node/soap/test_tolerance_table.py::test_what_is_no_deviation",
    ),
    "P6-Content-Transfer-Encoding": (
        Leniency.TRANSFER_ENCODING_MISSING,
        f"{HERE}::test_our_parts_say_their_transfer_encoding",
    ),
    "P7-blanks-and-line-ends": (Leniency.XOP_WHITESPACE, f"{HERE}::test_line_ends_of_a_document_are_its_own"),
    "P8-xop-in-headers": (Leniency.XOP_OUTSIDE_DOCUMENT,),
    "P9-mustUnderstand": (Leniency.ACTION_NOT_MUST_UNDERSTAND, f"{HERE}::test_only_the_action_must_be_understood"),
    "P10-MessageID-is-opaque": (Leniency.MESSAGE_ID_NOT_UUID,),
    "P11-business-errors-are-no-faults": (
        "tests/end_to_end/test_catalogue_rows.py::test_m25_declared_hash_or_size_that_is_not_the_documents",
        "tests/pitfalls/test_metadata.py::test_what_the_standard_refuses",
    ),
    "P12-ReplyTo-elsewhere": ("tests/attacks/test_http_attacks.py::test_answers_elsewhere",),
    "P13-response-action-of-ITI-61": ("tests/pitfalls/test_metadata.py::test_the_action_of_the_response_of_iti_61",),
}


def functions(path: str) -> set[str]:
    tree = ast.parse((TOP / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("pitfall", PITFALLS)
def test_each_is_shown(pitfall: str) -> None:
    for one in PITFALLS[pitfall]:
        if isinstance(one, Leniency):
            assert one in RECORDED
        else:
            path, _, name = one.partition("::")
            assert name in functions(path)


async def test_line_ends_of_a_document_are_its_own() -> None:
    for content in (b"\r\nHello\r\n\r\n", b"\nHello\n", b"\r\n", b"--", b"\r\n--A", b""):
        for size in (1 << 20, 3):
            body = package((ROOT, envelope()), (PART, content))
            assert await received(Recorded(body), size) == (set(), (content,))


def test_our_parts_say_their_transfer_encoding() -> None:
    writer = MtomWriter("B", "root@x")
    for written in (writer.root(b"<x/>"), writer.part("d@x", "text/plain")):
        assert b"Content-Transfer-Encoding: binary\r\n" in written


def test_only_the_action_must_be_understood() -> None:
    written = write_envelope(
        "urn:x", b"<r/>", message_id="urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01", to="https://x/", reply_to=True
    )
    assert re.findall(rb"<([^<>\s]+) s:mustUnderstand", written) == [b"wsa:Action"]
