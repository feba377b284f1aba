"""The machine a figure comes from, and what its kernel says about processes."""

from __future__ import annotations

import contextlib
import os
import platform
import sqlite3
import ssl
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_TICK = os.sysconf("SC_CLK_TCK")


def cores() -> tuple[int, int] | None:
    """A core for the server and one for the load; None where there is only one, and nothing is pinned."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else None


def cpu_seconds(pid: int) -> float:
    """User and system time of a process with all its threads, living and ended."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_bytes(pid: int, field: str = "VmRSS") -> int:
    """Memory of a process now (VmRSS) or at its highest (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def forget_highest(pid: int) -> None:
    """Let VmHWM start again from what is used now, where the kernel allows that."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def jiffies() -> tuple[int, int]:
    """(stolen, all) CPU time of the machine since it started."""
    fields = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


def git_id() -> str:
    """The commit, with a plus when the tree differs from it."""

    def ask(*words: str) -> str:
        said = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return said.stdout.strip()

    return (ask("rev-parse", "--short=12", "HEAD") or "unknown") + ("+" if ask("status", "--porcelain") else "")


def description() -> dict[str, Any]:
    """What to know about the machine and its software to read a result."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = next(
        int(line.split()[1])
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        if "MemTotal" in line
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / (1 << 20), 1),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
        "aiohttp": version("aiohttp"),
        "lxml": version("lxml"),
    }
