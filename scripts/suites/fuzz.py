"""Every message reader fuzzed for some minutes, two at once (`scripts/fuzzing`)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from scripts.suites.outcome import RESULTS, ROOT, Request, Status, of_status

TARGETS = ("soap", "package", "requests", "answers", "hl7v2", "tokens")
_GRACE = 120  # seconds beyond its time after which a target counts as hung


def run(request: Request) -> Status:
    """One process for each target; what it found lies in `.test-results/fuzz`."""
    environment = dict(os.environ)
    made = subprocess.run(["bash", str(ROOT / "scripts" / "fuzz_env.sh")], cwd=ROOT, check=False)
    paths = [str(ROOT), *([str(ROOT / ".fuzz-packages")] if made.returncode == 0 else [])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    if made.returncode:
        print("atheris has no wheel for this Python: by mutation of the recorded messages alone")
    with ThreadPoolExecutor(2) as pool:
        statuses = [pool.submit(_fuzz, target, request, environment) for target in TARGETS]
        return of_status(max(status.result() for status in statuses))


def _fuzz(target: str, request: Request, environment: dict[str, str]) -> int:
    seconds = max(1, round(request.minutes * 60))
    arguments = [sys.executable, "-m", "scripts.fuzzing", target, "--seconds", str(seconds)]
    arguments += ["--findings", str(RESULTS / "fuzz"), *_seed(request)]
    try:
        ended = subprocess.run(
            arguments, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, errors="replace",
            timeout=seconds + _GRACE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        print(f"{target}: did not end", flush=True)
        return 1
    said = (ended.stdout + ended.stderr).strip().splitlines()
    shown = (
        said[-40:] if ended.returncode else [line for line in said if target in line or "number_of_executed" in line]
    )
    print("\n".join(shown), flush=True)
    return int(ended.returncode != 0)


def _seed(request: Request) -> Iterator[str]:
    if request.seed is not None:
        yield from ("--seed", str(request.seed))
