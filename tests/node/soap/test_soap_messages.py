"""Envelopes, addressing headers and faults: what is read, what is written, and that the two agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from node.soap import faults
from node.soap.faults import FaultCode, SoapFault, write_fault
from node.soap.leniencies import WHAT_IS_DONE, Leniency
from node.soap.limits import ANSWER, REQUEST
from node.soap.message import parse, read_answer, read_envelope, write_envelope
from node.soap.scan import Vocabulary
from node.soap.writing import escape
from tests.node.http.edge import QUERY, SOAP, WSA, envelope, include, provide

XML_TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), max_size=60)


def test_a_request_is_read():
    message = read_envelope(envelope(to="https://localhost/iti-18"))
    assert message.action == QUERY
    assert message.message_id == "urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01"
    assert message.to == "https://localhost/iti-18"
    assert message.reply_to == WSA + "/anonymous"
    assert message.body.tag == "{urn:x}x"
    assert message.leniencies == set()
    assert message.root_size == len(envelope(to="https://localhost/iti-18"))
    assert len(message.root_sha256) == 32


@pytest.mark.parametrize(
    ("body", "leniency"),
    [
        (envelope(message_id=""), Leniency.MESSAGE_ID_MISSING),
        (envelope(message_id="382dcdc7-8e84"), Leniency.MESSAGE_ID_NOT_UUID),
        (envelope(action=f"\n  {QUERY}\t"), Leniency.PADDED_ADDRESS),
        (envelope().replace(b' s:mustUnderstand="1"', b""), Leniency.ACTION_NOT_MUST_UNDERSTAND),
        (
            envelope().replace(f"<wsa:ReplyTo><wsa:Address>{WSA}/anonymous</wsa:Address></wsa:ReplyTo>".encode(), b""),
            Leniency.REPLY_TO_MISSING,
        ),
        (envelope(headers=f"<h>{include('cid:x')}</h>"), Leniency.XOP_OUTSIDE_DOCUMENT),
        (provide(("D", f"\n {include('cid:x')} ")), Leniency.XOP_WHITESPACE),
        (provide(("D", "")), Leniency.INLINE_DOCUMENT),
    ],
)
def test_deviations_are_tolerated_by_name(body, leniency):
    message = read_envelope(body)
    assert message.leniencies == {leniency}
    assert message.action.strip() == message.action


def test_every_leniency_says_what_is_done():
    assert set(WHAT_IS_DONE) == set(Leniency)


def test_the_message_id_is_known_to_the_fault():
    with pytest.raises(SoapFault) as caught:
        read_envelope(envelope().replace(b"<wsa:Action", b"<wsa:To/><wsa:To/><wsa:Action"))
    assert caught.value.message_id == "urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01"


def test_documents_become_references():
    message = read_envelope(provide(("A", include("cid:a%40x")), ("B", " aGVs\r\nbG8= "), ("C", "<![CDATA[QUFB]]>")))
    assert [(item.document_id, item.content_id, item.inline) for item in message.documents] == [
        ("A", "a@x", None),
        ("B", "inline.1@xdsnode.invalid", b"hello"),
        ("C", "inline.2@xdsnode.invalid", b"AAA"),
    ]
    holders = list(message.body)
    assert all(len(holder) == 1 and holder[0].get("href").startswith("cid:") for holder in holders)


@pytest.mark.parametrize(
    "content",
    [
        "aGVsbG8",
        "not base64!",
        "é",
        f"{include('cid:a')}{include('cid:b')}",
        f"x{include('cid:a')}",
        "<y/>",
        "QUFB<y/>",
    ],
)
def test_a_document_is_base64_or_one_reference(content):
    with pytest.raises(SoapFault):
        read_envelope(provide(("A", content)))


@pytest.mark.parametrize(
    "inside", ["<x xmlns='relative/uri'/>", "<p:x xmlns:p='relative'/>", "<x xmlns='rel&#97;tive'/>"]
)
def test_relative_namespace_names(inside):
    with pytest.raises(SoapFault):
        parse(f"<a>{inside}</a>".encode())
    with pytest.raises(SoapFault):
        parse(f"<a>{inside}{'<b/>' * 20_000}</a>".encode())


@pytest.mark.parametrize("inside", ["<x xmlns=''/>", "<x>xmlns='text'</x>", "<x xmlns='urn:a'/>"])
def test_namespace_names_that_are_fine(inside):
    parse(f"<a>{inside}</a>".encode())


def test_known_tags_do_not_hide_new_ones():
    """What was examined once is not a cover for something else later."""
    vocabulary = Vocabulary()
    vocabulary.scan(b"<a><b c='1'>x</b></a>", REQUEST)
    many = "".join(f" a{k}=''" for k in range(65))
    for hostile in (f"<a><b c='1'{many}>x</b></a>", f"<a><b c='>'{many}>x</b></a>", f"<a{many}><b c='1'>x</b></a>"):
        with pytest.raises(SoapFault):
            vocabulary.scan(hostile.encode(), REQUEST)
    with pytest.raises(SoapFault):
        vocabulary.scan(b"<!DOCTYPE a [", REQUEST)
    assert vocabulary.scan(b"<a><b c='1'>&x;</b></a>", REQUEST).foreign
    assert vocabulary.scan(b"<a><b c='1'><?t x?></b></a>", REQUEST).instructions
    assert vocabulary.scan(b"<a><b ID='1'>x</b></a>", REQUEST).ids
    assert vocabulary.scan(b"<a><b ID='1'>x</b></a>", REQUEST).ids


def test_a_peer_may_answer_more():
    body = "<x>" + "<y>abc</y>" * 500_000 + "</x>"
    answer = envelope(body)
    assert len(answer) > REQUEST.size
    assert len(read_answer(answer).body) == 500_000
    with pytest.raises(SoapFault):
        read_envelope(answer)
    with pytest.raises(SoapFault):
        parse(b"<x>" + b" " * ANSWER.size + b"</x>", limits=ANSWER)


def test_an_answer_is_read_with_lenience():
    answer = read_answer(
        f'<e:Envelope xmlns:e="{SOAP}"><e:Body><r xmlns="urn:r"/></e:Body></e:Envelope>'.encode(), charset="UTF-8"
    )
    assert (answer.action, answer.relates_to, answer.fault) == ("", "", None)
    assert answer.body.tag == "{urn:r}r"


@pytest.mark.parametrize(
    ("fault", "code", "subcodes"),
    [
        (faults.sender("wrong"), "Sender", ()),
        (faults.receiver("failed"), "Receiver", ()),
        (faults.action_not_supported("urn:a"), "Sender", ("ActionNotSupported",)),
        (faults.action_mismatch("urn:a", "{urn:b}c"), "Sender", ("InvalidAddressingHeader", "ActionMismatch")),
        (faults.duplicate_message_id(), "Sender", ("InvalidAddressingHeader", "DuplicateMessageID")),
        (faults.not_authenticated(), "Sender", ("FailedAuthentication",)),
        (faults.busy(), "Receiver", ("EndpointUnavailable",)),
        (SoapFault(FaultCode.MUST_UNDERSTAND, "no", not_understood=[("urn:h", "h")]), "MustUnderstand", ()),
        (SoapFault(FaultCode.VERSION_MISMATCH, "no"), "VersionMismatch", ()),
    ],
)
def test_a_fault_that_is_written_can_be_read(fault, code, subcodes):
    answer = read_answer(write_fault(fault, relates_to="urn:uuid:1", incident="i<1>"))
    assert answer.fault is not None
    assert (answer.fault.code, answer.fault.subcodes) == (code, subcodes)
    assert answer.fault.reason == f"{fault.reason} (incident i<1>)"
    assert answer.relates_to == "urn:uuid:1"
    assert answer.action == fault.action
    assert fault.status in (400, 403, 500, 503)


def test_the_status_of_a_fault_follows_its_code():
    assert faults.sender("x").status == 400
    assert faults.receiver("x").status == 500
    assert faults.too_large("x").status == 413


@given(XML_TEXT, XML_TEXT, XML_TEXT)
def test_what_is_written_can_be_read(action, relates_to, message_id):
    written = write_envelope(
        "a" + action, b"<r/>", relates_to=relates_to, message_id=message_id, to="https://x/?a&b", reply_to=True
    )
    answer = read_answer(written)
    assert answer.action == ("a" + action).strip()
    assert answer.relates_to == relates_to.strip()
    assert answer.message_id == message_id.strip()
    assert read_envelope(written).action == answer.action


def test_a_request_of_ours_has_no_deviation():
    written = write_envelope(
        QUERY, b"<r/>", message_id="urn:uuid:1c6d5c4e-0f6a-4d3b-8a3e-2b7f1f1f9c01", to="https://x/", reply_to=True
    )
    assert read_envelope(written).leniencies == set()


@given(st.text(max_size=80))
def test_no_text_breaks_out_of_its_element(text):
    root = etree.fromstring(f'<a b="{escape(text)}">{escape(text)}</a>'.encode())
    assert root.text == root.get("b") or (root.text is None and root.get("b") == "")
    assert len(root) == 0
