"""Texts that are no CDA: character sets, RTF, and the text in which words are looked for."""

import pytest

from node.web.drawing import process, rtf, texts, worker
from tests.hostile import cda, pdf

CHINESE = "患者无过敏史,体温正常。"


@pytest.mark.parametrize(
    ("content", "language", "text", "guessed"),
    [
        (CHINESE.encode(), "", CHINESE, ""),
        (CHINESE.encode("utf-8-sig"), "", CHINESE, ""),
        (CHINESE.encode("utf-16"), "", CHINESE, ""),
        (CHINESE.encode("utf-32"), "", CHINESE, ""),
        (CHINESE.encode("gb18030"), "", CHINESE, "gb18030"),
        ("患者過敏".encode("big5"), "zh-TW", "患者過敏", "big5"),
        ("カルテ".encode("shift_jis"), "ja", "カルテ", "shift_jis"),
        ("café, naïve".encode("latin-1"), "", "café, naïve", "windows-1252"),
        ("диагноз".encode("cp1251"), "ru-RU", "диагноз", "cp1251"),
        (b"a\x81b", "", "a\x81b", "iso-8859-1"),
    ],
)
def test_a_text_is_read_as_it_was_written_or_a_guess_is_said(content, language, text, guessed):
    if guessed == "big5":  # every text of this one could be GB 18030 too: the guess is said, so that nobody is misled
        assert texts.read(content, language)[1] in ("big5", "gb18030")
        return
    assert texts.read(content, language) == (text, guessed)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb"{\rtf1\ansi seen\par here}", "seen\nhere"),
        (rb"{\rtf1\ansi\ansicpg936 \'bb\'bc\'d5\'df}", "患者"),
        (rb"{\rtf1\ansi\ansicpg65001 " + "患者".encode() + b"}", "患者"),
        (rb"{\rtf1\uc1 \u24739?\u-32763?}", "患者"),
        (rb"{\rtf1\uc1 \u-10179?\u-8704?}", "\U0001f600"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\info{\title no}}{\*\unknown no}yes}", "yes"),
        (rb"{\rtf1 a\{b\}c\\d\~e}", "a{b}c\\d\u00a0e"),
        (rb"{\rtf1 {\field{\*\fldinst HYPERLINK x}{\fldrslt shown}}}", "shown"),
    ],
)
def test_the_text_of_rtf(content, text):
    assert "".join(piece.text for piece in rtf.pieces(content)).strip() == text


def test_I16_what_is_struck_deleted_or_hidden_in_rtf_is_marked():
    found = list(rtf.pieces(rb"{\rtf1 a{\strike b}{\deleted c}{\v d}\strike e\strike0 f}"))
    assert [(piece.text, piece.struck, piece.deleted, piece.hidden) for piece in found] == [
        ("a", False, False, False),
        ("b", True, False, False),
        ("c", False, True, False),
        ("d", False, False, True),
        ("e", True, False, False),
        ("f", False, False, False),
    ]
    html = texts.rich(rb"{\rtf1 {\strike b}{\deleted c}{\v d}}", {})
    assert "<s>b</s>" in html
    assert "[deleted]" in html
    assert "[hidden in the file]" in html


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (cda("<paragraph>one</paragraph>two"), "one two"),
        (cda("", entries='<entry><x representation="B64">AAAA</x></entry>'), ""),
        (pdf(), "seen"),
        (b"a\n b", "a b"),
        (rb"{\rtf1 a\par b}", "a b"),
        (b"<html>no", ""),
        (b"\x89PNG\r\n\x1a\n", ""),
    ],
    ids=str,
)
def test_the_text_in_which_words_are_looked_for(content, text):
    said = worker.readable(content, "")
    assert text in said
    assert "AAAA" not in said


async def test_the_text_comes_from_the_process_too():
    assert "one two" in await process.text_of(cda("one two"))
