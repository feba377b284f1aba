"""The test suites that are pytest: the fast one of every run, the fault suite, and the one with rsyslog."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

from scripts.suites.outcome import RESULTS, ROOT, Request, Status, echoed, of_status

# Three on two processors: many tests wait. What waits longest comes first (tests/conftest.py), not what has most tests.
WORKERS = (sys.executable, "-m", "pytest", "-q", "-n", "3", "--dist", "loadgroup", "--no-loadscope-reorder")
_CLOSING = re.compile(r"^=* ?(\d+ (passed|failed|error|skipped)|no tests ran)")


def fast(_: Request) -> Status:
    """Every test below `tests/` but the suites that have a flag and the long tests, on three workers."""
    status, lines = echoed([*WORKERS, "-m", "not long"])
    RESULTS.mkdir(exist_ok=True)
    closing = next((line for line in reversed(lines) if _CLOSING.match(line)), "pytest gave no closing line")
    (RESULTS / "pytest-closing-line.txt").write_text(closing.strip("= ") + "\n", encoding="utf-8")
    return of_status(status)


def long(_: Request) -> Status:
    """Tests of the fast suite's kind that take tens of seconds each (marker `long`), on three workers."""
    status, _lines = echoed([*WORKERS, "-m", "long"])
    return of_status(status)


def faults(request: Request) -> Status:
    """`kill -9` under load and a full disk, against a real node (tests/faults)."""
    arguments = [sys.executable, "-m", "pytest", "-q", "-s", "--timeout", "0", "tests/faults"]
    arguments += ["--cycles", str(request.cycles)]
    if request.seed is not None:
        arguments += ["--seed", str(request.seed)]
    status, _ = echoed(arguments)
    return of_status(status)


def arr(_: Request) -> Status:
    """Debian's rsyslog as Audit Record Repository, stopped and killed under load (tests/arr)."""
    if shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        print("rsyslogd is not installed: apt-get install rsyslog rsyslog-openssl")
        return Status.SKIPPED
    status, _lines = echoed([sys.executable, "-m", "pytest", "-q", "--arr", "--timeout", "300", "tests/arr"])
    return of_status(status)


def security(_: Request) -> Status:
    """openssl, xmlsec1 and sslyze against a real node (tests/security)."""
    missing = [name for name in ("openssl", "xmlsec1") if shutil.which(name) is None]
    if missing:
        print(f"{' and '.join(missing)} not installed: apt-get install {' '.join(missing)}")
        return Status.SKIPPED
    made = ROOT / ".venv-security"
    if (
        status := subprocess.run(["bash", str(ROOT / "scripts" / "security_env.sh")], cwd=ROOT, check=False).returncode
    ) != 0:
        return of_status(status)
    status, _lines = echoed(
        [sys.executable, "-m", "pytest", "-q", "--security", f"--sslyze={made}/bin/sslyze", "tests/security"]
    )
    return of_status(status)


def browser(_: Request) -> Status:
    """Debian's Chromium, driven by Playwright, on the pages of the demonstration (tests/browser)."""
    if shutil.which("chromium", path="/usr/bin:/usr/local/bin") is None:
        print("chromium is not installed: apt-get install chromium fonts-noto-cjk")
        return Status.SKIPPED
    arguments = [sys.executable, "-m", "pytest", "-q", "--browser", "--timeout", "300", "tests/browser"]
    if os.environ.get("CI"):  # its time is short: each page at both widths and in both languages, not in all four ways
        arguments += ["--variants", "2"]
    status, _lines = echoed(arguments)
    return of_status(status)
