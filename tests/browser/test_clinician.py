"""A clinician at work beside institutions that are slow, silent, dead, refusing and lying: every state of every page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.demonstration.federation import AUTHORITY, free_base
from tests.browser.eyes import PICTURES, VARIANTS, Demo, Eyes

ROOT = Path(__file__).resolve().parents[2]
MIX = "slow:10=1,refusing=1,dead=1,garbage=1,silent=1,lying=1"
WORDS = {"found", "timeout", "refused", "unreachable", "protocol"}


@pytest.fixture(scope="module", autouse=True)
def neighbours(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Eight more institutions, of which five do not answer as they should."""
    folder = tmp_path_factory.mktemp("neighbours")
    said = folder / "said"
    base = free_base(1, 27500 - 10 * (os.getpid() % 60))
    command = [
        sys.executable,
        "-P",
        "-m",
        "scripts.simulated",
        "--nodes",
        "8",
        "--mix",
        MIX,
        "--dir",
        str(folder / "all"),
    ]
    command += ["--ca", str(demo.folder / "demo" / "ca"), "--connect", str(demo.node(1)), "--port-base", str(base)]
    command += ["--patient", f"DEMO-1^^^&{AUTHORITY}&ISO", "--known", "3", "--documents", "30"]
    with said.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=output)
    try:
        until = time.monotonic() + 60
        while "ready:" not in said.read_text(encoding="utf-8"):
            gave_up = process.poll() is not None or time.monotonic() > until
            assert not gave_up, said.read_text(encoding="utf-8")
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def opened(eyes: Eyes) -> str:
    """Sign in and open the patient's documents; returns the path of the patient."""
    eyes.sign_in("a.li")
    eyes.page.fill("[name=number]", "DEMO-1")
    with eyes.page.expect_navigation():
        eyes.page.press("[name=number]", "Enter")
    eyes.page.check("[value=TREAT]")
    eyes.page.fill("[name=note]", "ward round, heart failure")
    with eyes.page.expect_navigation():
        eyes.page.press("[name=note]", "Enter")
    return eyes.page.url.removeprefix(eyes.origin).partition("?")[0]


def words(eyes: Eyes) -> set[str]:
    """How the institutions ended so far, by class."""
    classes = eyes.page.locator(".institutions > li").evaluate_all("all => all.map(one => one.className)")
    return {one.removeprefix("outcome-") for one in classes}


def test_each_institution_ends_in_its_own_word_and_a_late_one_waits_for_a_click(eyes: Eyes) -> None:
    opened(eyes)
    eyes.page.wait_for_selector("#list tbody tr")
    assert "asking" in words(eyes)
    eyes.look("clinician-asking")
    eyes.page.wait_for_selector(".outcome-timeout", timeout=20_000)
    assert words(eyes) >= WORDS
    assert "asking" not in words(eyes)
    eyes.look("clinician-ended")
    before = eyes.page.locator("#list caption").inner_text()
    late = eyes.page.locator("form[action$='/late'] button")
    late.wait_for(timeout=20_000)
    assert eyes.page.locator("#list caption").inner_text() == before  # nothing moves before somebody wants it
    eyes.look("clinician-late")
    with eyes.page.expect_navigation():
        late.click()
    assert eyes.page.locator("#list caption").inner_text() != before
    for one in eyes.page.locator(".institutions summary").all():
        one.click()
    eyes.page.locator(".missing summary").click()
    eyes.look("clinician-details")
    asked = eyes.page.locator(".outcome-refused form[action$='/ask'] button")
    with eyes.page.expect_navigation():
        asked.click()
    eyes.page.wait_for_selector(".outcome-refused")


def test_the_list_is_narrowed_searched_and_seen_on_a_timeline(eyes: Eyes) -> None:
    opened(eyes)
    eyes.page.wait_for_selector(".outcome-timeout", timeout=20_000)
    eyes.page.locator("#facets details summary").first.click()
    eyes.page.locator("#facets [name=kind]").first.check()
    with eyes.page.expect_navigation():
        eyes.page.locator("#facets button").click()
    assert "kind=" in eyes.page.url
    eyes.look("clinician-narrowed")
    eyes.page.goto(eyes.page.url + "&view=timeline")
    eyes.look("clinician-timeline")
    eyes.go(eyes.page.url.removeprefix(eyes.origin).partition("&")[0] + "&q=metoprolol")
    eyes.look("clinician-search")
    eyes.page.goto(eyes.page.url.replace("q=metoprolol", "org=Nobody"))
    eyes.look("clinician-nothing")


def test_publishing_by_hand(eyes: Eyes) -> None:
    where = opened(eyes)
    eyes.go(where + "/publish")
    eyes.look("publish-file")
    eyes.page.set_input_files("[name=file]", files=[{"name": "x.zip", "mimeType": "", "buffer": b"PK\x03\x04"}])
    with eyes.page.expect_navigation():
        eyes.page.click("form.card button")
    assert "PUB-17" in eyes.text()
    eyes.look("publish-refused")
    text = f"Heart failure, NYHA II {eyes.variant}".encode()
    eyes.page.set_input_files("[name=file]", files=[{"name": "consult.txt", "mimeType": "", "buffer": text}])
    with eyes.page.expect_navigation():
        eyes.page.click("form.card button")
    eyes.look("publish-check")
    eyes.page.evaluate("document.querySelector('form.publish').noValidate = true")
    with eyes.page.expect_navigation():
        eyes.page.click("form.publish button")
    eyes.look("publish-faults")
    eyes.page.select_option("[name=kind]", index=3)
    eyes.page.fill("[name=start]", "2026-11-22")
    with eyes.page.expect_navigation():
        eyes.page.click("form.publish button")
    assert eyes.page.url.endswith("/look")
    assert "NYHA II" in eyes.page.frame_locator("iframe").locator("body").inner_text()
    eyes.look("publish-look")
    with eyes.page.expect_navigation():
        eyes.page.click("form.decide button")
    assert eyes.page.url.endswith("/done")
    eyes.look("publish-done")
    with eyes.page.expect_navigation():
        eyes.page.click("form[action$='/ask'] button")
    link = eyes.page.locator("#table a[href$='/take-back']").first
    link.wait_for()
    eyes.look("take-back-line")
    with eyes.page.expect_navigation():
        link.click()
    eyes.look("take-back-form")
    eyes.page.check("[value=file]")
    with eyes.page.expect_navigation():
        eyes.page.click("form.card button")
    assert eyes.page.locator("form.card").count() == 0
    eyes.look("take-back-done")


def test_an_emergency_with_the_keyboard_is_three_activations(window: Eyes) -> None:
    """Refusal, page, reason and submit: at most 15 seconds of a script (ui 7.2, 13)."""
    opened(window)
    link = window.page.locator("a[href$='/emergency']")
    began = time.monotonic()
    with window.page.expect_navigation():
        link.press("Enter")
    window.page.locator("[name=reason]").first.press("Space")
    with window.page.expect_navigation():
        window.page.locator("[name=reason]").first.press("Enter")
    assert window.page.locator(".emergency").count() == 1
    assert time.monotonic() - began < 15
    with window.page.expect_navigation():
        window.page.locator("form[action$='/emergency/end'] button").press("Enter")
    assert window.page.locator(".emergency").count() == 0


def test_the_pages_of_an_emergency(eyes: Eyes) -> None:
    where = opened(eyes)
    eyes.go(where + "/emergency")
    eyes.look("emergency-form")
    eyes.page.locator("[name=reason]").first.check()
    with eyes.page.expect_navigation():
        eyes.page.click(".danger")
    eyes.look("emergency-under-way")
    with eyes.page.expect_navigation():
        eyes.page.locator("form[action$='/emergency/end'] button").click()


def test_patients_and_what_is_no_patient(eyes: Eyes) -> None:
    where = opened(eyes)
    eyes.go("/patients")
    eyes.page.fill("[name=family]", "Nobody")
    eyes.page.fill("[name=born]", "1900")
    with eyes.page.expect_navigation():
        eyes.page.press("[name=born]", "Enter")
    eyes.look("patients-none")
    eyes.page.fill("[name=family]", "Nobody")
    eyes.page.fill("[name=born]", "yesterday")
    with eyes.page.expect_navigation():
        eyes.page.press("[name=born]", "Enter")
    eyes.look("patients-wrong-date")
    eyes.go(where[:-4] + "none")
    assert "QRY-01" in eyes.text()
    eyes.look("patient-not-open")


def test_everything_works_without_a_script(demo: Demo, chromium: object) -> None:
    """Scripts switched off: the same answers, on request."""
    window = Eyes(VARIANTS[0], demo, chromium, scripts=False)
    try:
        opened(window)
        assert "asking" in words(window)
        until = time.monotonic() + 20
        while "asking" in words(window) and time.monotonic() < until:
            with window.page.expect_navigation():
                window.page.locator("#sofar a").click()
        seen = words(window)  # the dead one may have failed often enough to be left alone for a moment
        assert seen | ({"unreachable"} if "paused" in seen else set()) >= WORDS
        window.page.screenshot(path=PICTURES / "clinician-without-scripts.png", full_page=True)
    finally:
        window.close()


def test_a_row_that_is_being_read_stays_where_it_is(window: Eyes) -> None:
    """Focus on a row while others arrive: it neither moves nor loses the focus; they wait behind a button (ui 7.2, 3)."""
    opened(window)
    row = window.page.locator("#list tbody a").first
    row.focus()
    named = "[document.activeElement.id, Math.round(document.activeElement.getBoundingClientRect().top)]"
    before = window.page.evaluate(named)
    window.page.wait_for_selector("form[action$='/late']", timeout=20_000)
    assert window.page.evaluate(named) == before
    window.page.locator("#more").click()
    assert window.page.locator("#more").is_hidden()
