"""scripts/test: which suites run, how their outcome is told, and what a missing ../shared means."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from registry.ebrim.reader import read_submission
from registry.metadata.affinity_domain import ANY
from registry.metadata.rules import violations
from scripts.suites import __main__ as command
from scripts.suites import conformance, initiating
from scripts.suites.outcome import Request, Status, Suite
from tests.shared import SHARED, needs_shared


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> dict[str, Status]:
    """Suites that only tell how they end; `tests` may be made to fail by the test."""
    ends = {suite.name: Status.PASSED for suite in command.GATES + command.ADDED}

    def made(name: str) -> Suite:
        def run(_: Request) -> Status:
            return ends[name]

        return Suite(name, name, run)

    monkeypatch.setattr(command, "GATES", tuple(made(suite.name) for suite in command.GATES))
    monkeypatch.setattr(command, "ADDED", tuple(made(suite.name) for suite in command.ADDED))
    monkeypatch.setattr(command, "has_shared", lambda: True)
    return ends


def summary(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("passed: ", "failed: ", "skipped: "))]


def test_the_gates_run_in_order(ran: dict[str, Status], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    assert summary(capsys.readouterr().out) == [
        f"passed: {name}" for name in ("format", "lint", "types", "imports", "tests")
    ]


def test_one_failure_is_status_1_and_skipped_come_last(
    ran: dict[str, Status], capsys: pytest.CaptureFixture[str]
) -> None:
    ran |= {"lint": Status.FAILED, "security": Status.SKIPPED}
    assert command.main(["--security", "--conformance"]) == 1
    assert summary(capsys.readouterr().out)[-2:] == ["failed: lint", "skipped: security"]


def test_only_one(ran: dict[str, Status], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "faults"]) == 0
    assert summary(capsys.readouterr().out) == ["passed: faults"]


def test_without_shared(
    ran: dict[str, Status], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "has_shared", lambda: False)
    assert command.main(["--only", "lint"]) == 0
    assert summary(capsys.readouterr().out)[-1] == "skipped: shared"
    assert command.main(["--conformance"]) == 2
    assert command.main(["--only", "conformance"]) == 2


def test_an_unknown_suite_is_wrong_usage(ran: dict[str, Status]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--only", "nothing"])
    assert ended.value.code == 2


def test_no_plan_is_listed_twice() -> None:
    assert len(conformance.PLANS) == len(set(conformance.PLANS)) == 78
    assert set(conformance.PLANS) >= conformance.NOT_STRICT


@needs_shared
def test_every_plan_of_the_collections_is_listed() -> None:
    assert SHARED is not None
    tests = SHARED / "nist-testkit" / "data" / "tests"
    wanted = {"R.b", "SQ.b", "PR.b", "Ret.b", "reg", "rep", "rg(xca)"}
    wanted |= {"reg_mu", "reg_rmu", "reg_rm", "rep_rd", "rg(xca)_rmu", "reg_mpq", "reg_od", "reg_xadpid", "rec"}
    found = {
        path.parent.name
        for path in tests.glob("*/collections.txt")
        if wanted & set(path.read_text(encoding="utf-8").split())
    }
    assert found == set(conformance.PLANS) - set(conformance.OTHERS.split())
    asking = {path.parent.name for path in tests.glob("*/collections.txt") if "ig(xca)_ad" in path.read_text("utf-8")}
    assert asking == set(initiating.PLANS)


@needs_shared
@pytest.mark.parametrize("name", conformance.MENDED)
def test_a_mended_plan_is_wrong_as_it_is_given_and_nothing_else_is_changed(name: str) -> None:
    given = (SHARED / "nist-testkit" / "data" / "tests" / name).read_text(encoding="utf-8")

    def members(text: str) -> list[str]:
        submission, _ = read_submission(etree.fromstring(text.encode()))
        errors = violations(submission, ANY, transaction="ITI-42")
        return [error.context for error in errors if "HasMember" in error.context]

    assert len(members(given)) == len(conformance.MENDED[name])
    mended = conformance.mended(given, conformance.MENDED[name])
    assert members(mended) == []
    assert re.sub('<rim:Association id="mended-[^>]*/>', "", mended) == given
