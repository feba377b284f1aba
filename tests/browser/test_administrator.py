"""The administrator's tasks in ui 2.1: is anything wrong, why can we not talk to X, connect, review, configuration."""

from __future__ import annotations

import re

from tests.browser.eyes import Eyes


def test_is_anything_wrong(eyes: Eyes) -> None:
    eyes.sign_in("o.berg")
    assert eyes.page.locator("table tbody tr").count() == 2
    assert re.match(r"\d+ ", eyes.page.title())  # how many problems: said before the page is looked at
    eyes.look("node")


def test_why_can_we_not_talk_to_them(eyes: Eyes) -> None:
    eyes.sign_in("o.berg")
    with eyes.page.expect_navigation():
        eyes.page.locator("table tbody a").first.click()
    eyes.look("node-peer")
    with eyes.page.expect_navigation(timeout=60_000):
        eyes.page.locator(".actions button").click()
    assert eyes.page.locator("ol.steps > li").count() >= 12
    assert eyes.page.locator("ol.steps .bad").count() == 0
    eyes.look("node-peer-checked")
    with eyes.page.expect_download() as download:
        eyes.page.locator("main a[href$=report]").click()
    assert '"step": 12' in download.value.path().read_text("utf-8")


def test_connect_reviews_and_configuration(eyes: Eyes) -> None:
    eyes.sign_in("o.berg")
    for path in ("connect", "reviews", "configuration"):
        eyes.go(f"/node/{path}")
        eyes.look(f"node-{path}")


def test_a_line_that_is_no_invitation(window: Eyes) -> None:
    window.sign_in("o.berg")
    window.go("/node/connect")
    window.page.fill("[name=line]", "xdsnode-invitation-1.half")
    with window.page.expect_navigation():
        window.page.locator("main form button").click()
    assert "federation.invitation" in window.text()
    window.look("node-join-half")
