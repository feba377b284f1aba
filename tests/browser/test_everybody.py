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


@pytest.mark.parametrize("name", ["a.li", "m.sala", "o.berg"])
def test_where_each_role_begins(eyes: Eyes, name: str) -> None:
    eyes.sign_in(name)
    assert eyes.page.locator("h1").count() == 1
    eyes.look(f"first-{name}")


@pytest.mark.parametrize(("name", "path"), [("m.sala", "/patients"), ("o.berg", "/patients")])
def test_work_of_other_roles_is_refused(window: Eyes, name: str, path: str) -> None:
    window.sign_in(name)
    window.go(path)
    assert "SEC-11" in window.text()


def test_nothing_but_the_keyboard(window: Eyes) -> None:
    """Sign in, find a patient and open the first document with Tab, arrows, typing and Enter alone."""
    window.go("/")
    keys = window.page.keyboard

    def to(selector: str) -> None:
        for _ in range(60):
            if window.page.evaluate(f"document.activeElement.matches({selector!r})"):
                return
            keys.press("Tab")
        raise AssertionError(f"Tab does not reach {selector}")

    to("[name=name]")
    keys.type("a.li")
    to("[name=password]")
    keys.type(window.demo.password)
    with window.page.expect_navigation():
        keys.press("Enter")
    to("[name=number]")
    keys.type("DEMO-1")
    with window.page.expect_navigation():
        keys.press("Enter")
    to("[name=purpose]")  # one patient: the question for the reason is open already
    keys.press("Space")
    to("[name=note]")
    keys.type("ward round, heart failure")
    with window.page.expect_navigation():
        keys.press("Enter")
    window.page.wait_for_selector("#list tbody a")
    to("#list tbody a")
    with window.page.expect_navigation():
        keys.press("Enter")
    window.look("keyboard-document")
