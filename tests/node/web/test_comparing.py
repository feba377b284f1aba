"""Two documents side by side: every difference is marked, and nothing else is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.web.drawing import process
from node.web.drawing.checked import is_drawing
from node.web.drawing.comparing import Block, blocks, compared, lines
from tests.hostile import cda, pdf
from tests.node.web.extractor import Page

FORMER = cda(
    "<paragraph>Furosemide 40 mg</paragraph><paragraph>Stays at home.</paragraph>"
    "<table><tbody><tr><td>Potassium</td><td>4.10</td><td>mmol/L</td></tr><tr><td>Glucose</td><td>8.2</td><td>mmol/L</td></tr>"
    "</tbody></table>"
)
LATTER = cda(
    "<paragraph>Furosemide 40 mg</paragraph><paragraph>Seen again in May by the heart clinic.</paragraph>"
    "<table><tbody><tr><td>Potassium</td><td>4.1</td><td>mmol/L</td></tr><tr><td>Glucose</td><td>9.1</td><td>mmol/L</td></tr>"
    "</tbody></table>"
)


def classes(html: str) -> list[str]:
    return [attributes.get("class", "") for _, attributes in Page(html).tags]


async def test_exactly_what_differs_is_marked_with_numbers_as_numbers():
    answer = await process.compare(FORMER, LATTER, words={})
    found = classes(answer.html)
    assert found.count("changed") == 2  # glucose, on both sides
    assert found.count("removed") == found.count("added") == 1
    assert "8.2 \u2192 9.1 mmol/L" in Page(answer.html).text
    assert "4.10 \u2192" not in Page(answer.html).text
    assert "Differences: 3." in Page(answer.html).text


async def test_a_document_is_the_same_as_itself():
    answer = await process.compare(FORMER, FORMER, words={})
    assert "The texts are the same." in Page(answer.html).text


async def test_a_pdf_and_a_text_are_compared_by_their_lines():
    answer = await process.compare(pdf(), b"seen\nand more", words={})
    assert answer.form == "text"
    assert "and more" in Page(answer.html).text


async def test_an_image_has_no_text_to_compare():
    answer = await process.compare(b"MZ", FORMER, words={})
    assert (answer.form, answer.why) == ("failed", "kind")


def test_what_is_struck_deleted_or_negated_is_part_of_what_is_compared():
    struck = (
        '<h2>M</h2><div class="p"><s>aspirin</s></div><div class="p"><del><small>[deleted]</small> heparin</del></div>'
    )
    texts = [one.text for one in blocks(struck, {})]
    assert texts == ["[struck out] aspirin", "[deleted] heparin"]
    assert "Differences: 1." in compared(
        blocks('<div class="p">aspirin</div>', {}), blocks('<div class="p"><s>aspirin</s></div>', {}), {}
    )


def test_lines_know_their_page():
    assert lines(["a\nb", "c"], {}) == [Block("Page 1", "a"), Block("Page 1", "b"), Block("Page 2", "c")]


BLOCKS = st.lists(
    st.builds(
        Block, st.sampled_from(("", "A", "B")), st.text("ab 12.<>&", min_size=1, max_size=8).map(str.strip).filter(bool)
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(BLOCKS, BLOCKS)
def test_every_block_of_both_stands_once_on_its_side(former, latter):
    html = compared(former, latter, {})
    assert is_drawing(html)
    shown = "".join(Page(html).text.split())
    for one in (*former, *latter):
        assert "".join(one.text.split()) in shown
    assert ("Thetextsarethesame." in shown) == (
        [(b.section, b.plain) for b in former] == [(b.section, b.plain) for b in latter]
    )


@pytest.mark.parametrize(
    ("former", "latter"),
    [
        ("1,000 mg", "1 mg"),
        ("1.000 mg", "1 mg"),
        ("1,000 mg", "1.000 mg"),
        ("lot 12345678", "lot 12345679"),
        ("120000.4", "120000.6"),
        ("0.1234567", "0.1234568"),
    ],
)
def test_I16_numbers_that_may_differ_are_never_the_same(former, latter):
    html = compared([Block("", former)], [Block("", latter)], {})
    assert "Differences: 1." in Page(html).text


@pytest.mark.parametrize(
    ("former", "latter"), [("8.20", "8,2"), ("0.500 mg", "0,5 mg"), ("5.0", "5"), ("7.125", "7.125")]
)
def test_numbers_that_are_one_in_another_form_are_the_same(former, latter):
    assert "The texts are the same." in Page(compared([Block("", former)], [Block("", latter)], {})).text


def test_I16_a_power_is_no_other_number():
    (one,) = blocks("<p>4 x 10<sup>9</sup>/L <span><sup>[1]</sup> note</span></p>", {})
    assert one.text.startswith("4 x 10^9/L")
    assert "^[" not in one.text
