"""The administrator's tasks in ui 2.1: is anything wrong, why can we not talk to X, connect, review, configuration."""

from __future__ import annotations

import json
import re

from tests.browser.eyes import VARIANTS, Demo, Eyes
from tests.commands import command


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


def test_whose_is_what_others_pushed(eyes: Eyes, demo: Demo) -> None:
    """List, one submission with whom it may be about, and the list again; the pushed letter stays for the next look."""
    sender = str(demo.node(2))
    if not json.loads(command("inbox", "list", "--json", "--dir", str(demo.node(1))).stdout)["received"]:
        found = json.loads(command("find", "--patient", "DEMO-1", "--json", "--dir", sender).stdout)["documents"]
        own = [one for one in found if one["institution"].startswith("Maple") and not one["on_demand"]]
        here = json.loads(command("endpoints", "--json", "--dir", str(demo.node(1))).stdout)["home_community_id"]
        pushed = command("push", "--patient", "DEMO-1", "--to", here, own[0]["unique_id"], "--dir", sender)
        assert pushed.returncode == 0, pushed.stderr
    eyes.sign_in("o.berg")
    eyes.go("/node/inbox")
    eyes.look("node-inbox")
    with eyes.page.expect_navigation():
        eyes.page.locator("main table a").first.click()
    assert eyes.page.locator("[name=patient]").count() >= 1
    assert eyes.page.locator("[name=patient]:checked").count() == 0
    eyes.look("node-inbox-one")


def test_a_line_that_is_no_invitation(window: Eyes) -> None:
    window.sign_in("o.berg")
    window.go("/node/connect")
    window.page.fill("[name=line]", "xdsnode-invitation-1.half")
    with window.page.expect_navigation():
        window.page.locator("main form button").click()
    assert "federation.invitation" in window.text()
    window.look("node-join-half")


def test_two_strangers_meet_on_their_pages(demo: Demo, chromium: object) -> None:
    """Invite and join (ui 4.h): each side types what the other reads; nobody copies anything but one line."""
    first, second = str(demo.node(1)), str(demo.node(2))
    password = demo.folder.with_name("password")
    password.write_text(demo.password, encoding="utf-8")
    berg = ("user", "add", "o.berg", "--role", "administrator", "--without-code", "--password-file", str(password))
    command(*berg, "--dir", second)
    command("federation", "create", "Region", "--dir", first)
    here, there = Eyes(VARIANTS[0], demo, chromium), Eyes(VARIANTS[3], demo, chromium, number=2)
    for eyes in (here, there):
        eyes.sign_in("o.berg")
        eyes.go("/node/connect")
    with here.page.expect_navigation():
        here.page.locator("main form button").click()
    here.look("node-invited")
    line = here.page.input_value("textarea")
    with here.page.expect_navigation():
        here.page.locator("section a").click()
    here.look("node-invitation-waits")
    there.page.fill("[name=line]", line)
    with there.page.expect_navigation():
        there.page.locator("main form button").click()
    there.look("node-join-compare")
    here.page.wait_for_selector("[name=number]")  # by itself: the page looks every two seconds
    here.look("node-invitation-compare")
    numbers = [eyes.page.inner_text(".number strong") for eyes in (here, there)]
    for eyes, number in ((there, numbers[0]), (here, numbers[1])):
        eyes.page.fill("[name=number]", number)
        with eyes.page.expect_navigation():
            eyes.page.locator("main form button").last.click()
    here.look("node-invited-member")
    there.page.wait_for_selector("h1:has-text('已与')")
    there.look("node-joined")
    for eyes in (here, there):
        eyes.close()
