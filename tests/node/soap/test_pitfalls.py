"""The pitfalls of SOAP and MIME (xds-wire 10, 1 to 13): each is a leniency with its recorded message, or a test.

A pitfall in reading is a leniency of the table of tolerances; one in writing, or one that is no deviation, is shown by
the test that is named here. The pitfalls of metadata, folders and queries are not listed: their tests are those of the
rules and of the queries.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from node.soap.leniencies import Leniency
from node.soap.mtom import MtomWriter
from node.soap.writing import write_envelope
from tests.node.soap.test_tolerance_table import PART, RECORDED, ROOT, Recorded, envelope, package, received
from tests.shared import SHARED, needs_shared

TOP = Path(__file__).resolve().parents[3]
HERE = "tests/node/soap/test_pitfalls.py"
PITFALLS: dict[int, tuple[Leniency | str, ...]] = {
    1: (Leniency.PADDED_ADDRESS,),
    2: ("tests/attacks/test_http_attacks.py::test_m11_http_action_is_ignored",),
    3: ("tests/node/http/test_soap_endpoint.py::test_packaging_follows_the_request_also_for_faults",),
    4: (Leniency.INLINE_DOCUMENT,),
    5: (
        *(Leniency.START_MISSING, Leniency.START_WITHOUT_BRACKETS, Leniency.START_UNKNOWN),
        "tests/node/soap/test_tolerance_table.py::test_what_is_no_deviation",
    ),
    6: (Leniency.TRANSFER_ENCODING_MISSING, f"{HERE}::test_our_parts_say_their_transfer_encoding"),
    7: (Leniency.XOP_WHITESPACE, f"{HERE}::test_line_ends_of_a_document_are_its_own"),
    8: (Leniency.XOP_OUTSIDE_DOCUMENT,),
    9: (Leniency.ACTION_NOT_MUST_UNDERSTAND, f"{HERE}::test_only_the_action_must_be_understood"),
    10: (Leniency.MESSAGE_ID_NOT_UUID,),
    11: ("tests/end_to_end/test_catalogue_rows.py::test_m25_declared_hash_or_size_that_is_not_the_documents",),
    12: ("tests/attacks/test_http_attacks.py::test_answers_elsewhere",),
    13: ("tests/architecture/test_transaction_table.py::test_a_row_says_everything_that_others_read",),
}


def functions(path: str) -> set[str]:
    tree = ast.parse((TOP / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_each_is_shown() -> None:
    for number, shown in PITFALLS.items():
        for one in shown:
            if isinstance(one, Leniency):
                assert one in RECORDED, number
            else:
                path, _, name = one.partition("::")
                assert name in functions(path), (number, one)


@needs_shared
def test_no_pitfall_of_soap_and_mime_is_missing() -> None:
    assert SHARED is not None
    text = (SHARED / "ihe" / "xds-wire.md").read_text(encoding="utf-8")
    block = text.partition("**SOAP / MIME**")[2].partition("**Metadata**")[0]
    assert [int(number) for number in re.findall(r"^(\d+)\. ", block, re.MULTILINE)] == sorted(PITFALLS)


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
