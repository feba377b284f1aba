"""What everybody meets: the door, wrong passwords, the first page of each role, a page that does not exist."""

from __future__ import annotations

import pytest

from tests.browser.eyes import Eyes


def test_the_door(eyes: Eyes) -> None:
    eyes.go("/")
    eyes.look("door")
    eyes.page.fill("[name=name]", "a.li")
    eyes.page.fill("[name=password]", "not the password at all")
    with eyes.page.expect_navigation():
        eyes.page.press("[name=password]", "Enter")
    assert "SEC-01" in eyes.text()
    eyes.look("door-wrong")


def test_a_page_that_does_not_exist(eyes: Eyes) -> None:
    eyes.sign_in("a.li")
    eyes.go("/nowhere")
    assert "SEC-404" in eyes.text()
    eyes.look("nowhere")


@pytest.mark.parametrize("name", ["a.li", "m.sala", "o.berg", "p.vos"])
def test_where_each_role_begins(eyes: Eyes, name: str) -> None:
    eyes.sign_in(name)
    assert eyes.page.locator("h1").count() == 1
    eyes.look(f"first-{name}")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("m.sala", "/patients"),
        ("o.berg", "/patients"),
        ("p.vos", "/patients"),
        ("p.vos", "/audit/search"),
        ("a.li", "/node"),
    ],
)
def test_work_of_other_roles_is_refused(window: Eyes, name: str, path: str) -> None:
    window.sign_in(name)
    window.go(path)
    assert "SEC-11" in window.text()


def tabbed(window: Eyes, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(80):
        if window.page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
        window.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


def entered(window: Eyes) -> None:
    """Press Enter, and wait for the page that comes."""
    with window.page.expect_navigation(timeout=60_000):
        window.page.keyboard.press("Enter")


def signed_in(window: Eyes, name: str) -> None:
    window.go("/")
    for selector, text in (("[name=name]", name), ("[name=password]", window.demo.password)):
        tabbed(window, selector)
        window.page.keyboard.type(text)
    entered(window)


def test_nothing_but_the_keyboard_clinician(window: Eyes) -> None:
    """Find a patient, say why, open the first document: Tab, Space, typing and Enter alone."""
    signed_in(window, "a.li")
    tabbed(window, "[name=number]")
    window.page.keyboard.type("DEMO-1")
    entered(window)
    tabbed(window, "[name=purpose]")  # one patient: the question for the reason is open already
    window.page.keyboard.press("Space")
    tabbed(window, "[name=note]")
    window.page.keyboard.type("ward round, heart failure")
    entered(window)
    window.page.wait_for_selector("#list tbody a")
    window.page.get_by_text("made when opened").first.wait_for()  # the summary has no date of its own
    tabbed(window, "#list tbody a")
    entered(window)
    window.look("keyboard-document")


def test_nothing_but_the_keyboard_auditor(window: Eyes) -> None:
    """Who looked at this patient: search, open an entry with its proof."""
    signed_in(window, "m.sala")
    tabbed(window, "nav a[href='/audit/search']")
    entered(window)
    tabbed(window, "[name=patient]")
    window.page.keyboard.type("DEMO-1")
    entered(window)
    tabbed(window, "tbody a")
    entered(window)
    window.look("keyboard-entry")


def test_nothing_but_the_keyboard_administrator(window: Eyes) -> None:
    """Why can we not talk to them: open an institution, take the twelve steps."""
    signed_in(window, "o.berg")
    tabbed(window, "tbody a")
    entered(window)
    tabbed(window, "form[action$=check] button")
    entered(window)
    assert window.page.locator("ol.steps > li").count() >= 12
    window.look("keyboard-checked")
