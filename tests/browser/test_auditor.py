"""The auditor's tasks in ui 2.1: findings, accesses to a patient and by a person, is the log intact, do both sides agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.browser.eyes import Demo, Eyes
from tests.commands import command


@pytest.fixture(scope="module")
def suspicious(demo: Demo) -> str:
    """Somebody looks at a patient for marketing: a finding. Returns the patient's number."""
    node = str(demo.node(1))
    patient = json.loads(command("patient", "list", "--json", "--dir", node).stdout)["patients"][0][
        "patient"
    ].partition("^")[0]
    who = ("--user", "Dr. Jan Roth", "--role", "physician", "--purpose", "marketing")
    command("find", "--patient", patient, *who, "--dir", node)
    command("audit", "findings", "look", "--dir", node)
    return patient


def test_from_the_first_finding_to_its_proof(eyes: Eyes, suspicious: str, tmp_path: Path) -> None:
    """One click to the evidence, one more to the entry; the proof is checked by Python alone (ui 7.2, 20)."""
    eyes.sign_in("m.sala")
    eyes.look("audit-findings")
    with eyes.page.expect_navigation():
        eyes.page.locator("main ul.people a").first.click()
    assert "Jan Roth" in eyes.text()
    eyes.look("audit-finding")
    with eyes.page.expect_navigation():
        eyes.page.locator("tbody a").first.click()
    assert eyes.page.locator("ol.steps .ok").count() >= 4
    eyes.look("audit-entry")
    with eyes.page.expect_download() as download:
        eyes.page.locator("a[download]").click()
    bundle = tmp_path / "proof"
    zipfile.ZipFile(download.value.path()).extractall(bundle)
    words = ["receipt", "entry.tlog-proof", "--vkey", "vkey", "--record", "record.json", "--salt", "salt"]
    check = [sys.executable, "-I", "hdn_verify.py", *words]
    assert subprocess.run(check, cwd=bundle, capture_output=True, check=False).returncode == 0
    record = bundle / "record.json"
    record.write_bytes(record.read_bytes().replace(b"Roth", b"Both"))
    assert subprocess.run(check, cwd=bundle, capture_output=True, check=False).returncode == 1


def test_the_rules_run_while_the_page_waits(window: Eyes, suspicious: str) -> None:
    window.sign_in("m.sala")
    with window.page.expect_navigation():
        window.page.locator("main form button").first.click()
    window.page.wait_for_selector("[role=status]:has-text('rules ran')")
    assert "0 new findings" in window.text()
    window.look("audit-rules-ran")


def test_everybody_who_looked_at_a_patient(eyes: Eyes, suspicious: str) -> None:
    eyes.sign_in("m.sala")
    eyes.go("/audit/search")
    eyes.look("audit-search")
    eyes.page.fill("[name=patient]", suspicious)
    with eyes.page.expect_navigation():
        eyes.page.locator("main form button").first.click()
    assert suspicious not in eyes.page.url
    assert "Jan Roth" in eyes.text()
    eyes.look("audit-search-patient")
    with eyes.page.expect_navigation():
        eyes.page.locator("a[href$='all=1']").click()
    everything = eyes.page.locator("tbody tr").count()
    eyes.look("audit-search-everything")
    with eyes.page.expect_navigation():
        eyes.page.locator(f"a[href='{eyes.page.url.partition('?')[0].removeprefix(eyes.origin)}']").click()
    assert eyes.page.locator("tbody tr").count() <= everything


def test_is_the_log_intact(eyes: Eyes, tmp_path: Path) -> None:
    eyes.sign_in("m.sala")
    eyes.go("/audit/verify")
    with eyes.page.expect_navigation():
        eyes.page.locator("main form button").click()
    eyes.page.wait_for_selector("[data-done]")
    assert eyes.page.locator("[data-done] .badge").first.get_attribute("class") in ("badge ok", "badge warn")
    eyes.look("audit-verified")
    with eyes.page.expect_download() as download:
        eyes.page.locator("a[download]").click()
    zipfile.ZipFile(download.value.path()).extractall(tmp_path)
    said = subprocess.run(
        [sys.executable, "-I", "hdn_verify.py", "verify", "log"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode in (0, 4), said.stderr
    assert "good" in said.stdout


def test_since_a_state_that_the_auditor_kept(window: Eyes, demo: Demo) -> None:
    window.sign_in("m.sala")
    kept = next(demo.node(1).glob("audit/*/checkpoint")).read_text(encoding="utf-8")
    lines = kept.split("\n")
    forged = "\n".join([*lines[:2], "A" * 43 + "=", *lines[3:]])
    for text, answer in ((kept, "[data-done] .badge.ok"), (forged, "[role=alert]")):
        window.go("/audit/verify")
        window.page.click("form summary")
        window.page.fill("[name=old]", text)
        with window.page.expect_navigation():
            window.page.locator("main form button").click()
        window.page.wait_for_selector(answer)
    window.look("audit-verify-refused")


def test_do_both_sides_agree(eyes: Eyes) -> None:
    eyes.sign_in("m.sala")
    eyes.go("/audit/compare")
    eyes.look("audit-compare")
    with eyes.page.expect_navigation():
        eyes.page.locator("main form button").click()
    eyes.page.wait_for_selector("section[data-done]")
    assert eyes.page.locator("section[data-done] .badge.ok").count() == 1
    assert eyes.page.locator("section[data-done] .badge.bad").count() == 0
    eyes.look("audit-compared")


def test_a_note_and_an_outcome(window: Eyes, suspicious: str) -> None:
    window.sign_in("m.sala")
    with window.page.expect_navigation():
        window.page.locator("main ul.people a").first.click()
    window.page.eval_on_selector("#note", "node => node.removeAttribute('minlength')")
    window.page.fill("#note", "too short")
    with window.page.expect_navigation():
        window.page.locator("main form.card button").click()
    assert window.page.locator("[role=alert]").count() == 1
    window.look("audit-note-refused")
    window.page.fill("#note", "a study that the ethics board knows, says the head of the ward")
    window.page.select_option("[name=outcome]", "explained")
    with window.page.expect_navigation():
        window.page.locator("main form.card button").click()
    assert "explained" in window.text()
    window.look("audit-finding-decided")
    window.go("/audit/closed")
    assert "Jan Roth" in window.text()
    window.look("audit-closed")


def test_the_report_for_a_patient(window: Eyes, suspicious: str, tmp_path: Path) -> None:
    window.sign_in("m.sala")
    window.go("/audit/report")
    window.look("audit-report")
    window.page.fill("[name=patient]", suspicious)
    window.page.check("[value=zip]")
    with window.page.expect_download() as download:
        window.page.locator("main form button").click()
    zipfile.ZipFile(download.value.path()).extractall(tmp_path)
    check = [sys.executable, "-I", "hdn_verify.py", "report", "."]
    said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode in (0, 4), said.stderr
    assert re.search("Roth", (tmp_path / "report.html").read_text(encoding="utf-8"))


def test_nobody_else_opens_these_pages(window: Eyes) -> None:
    window.sign_in("o.berg")
    for path in (
        "/audit",
        "/audit/search",
        "/audit/verify",
        "/audit/compare",
        "/audit/report",
        "/audit/entries/2026/1",
    ):
        window.go(path)
        assert "SEC-11" in window.text()
