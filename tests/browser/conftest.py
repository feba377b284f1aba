"""The browser suite runs only when it is asked for: `scripts/test --only browser`, or `--browser`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.demonstration.federation import free_base
from tests.browser.eyes import VARIANTS, Demo, Eyes, Variant

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--variants", type=int, default=len(VARIANTS), help="ways to look at each page; two are every width"
    )
    parser.addoption("--browser", action="store_true", help="run the tests of the pages in Chromium")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    asked = config.getoption("--browser", default=False)
    return True if collection_path.name.startswith("test_") and not asked else None


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`scripts/demo` as everybody starts it: three institutions with documents, the pages of the first."""
    folder = tmp_path_factory.mktemp("browser") / "demo"
    base = free_base(3, 26000 - 30 * (os.getpid() % 60))
    said = folder.with_name("said")
    command = [sys.executable, "-P", "-m", "scripts.demonstration", "--dir", str(folder), "--port-base", str(base)]
    with said.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + 200
        while "running until" not in said.read_text(encoding="utf-8"):
            gave_up = process.poll() is not None or time.monotonic() > until
            assert not gave_up, said.read_text(encoding="utf-8")
            time.sleep(0.1)
        people = json.loads(next(folder.rglob("people.json")).read_text(encoding="utf-8"))
        yield Demo(folder=folder, base=base, password=people["password"], said=said.read_text(encoding="utf-8"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """Debian's Chromium, without a profile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Once for each language, colour and width."""
    if "eyes" in metafunc.fixturenames:
        chosen = VARIANTS[: metafunc.config.getoption("--variants")]
        metafunc.parametrize("eyes", chosen, ids=str, indirect=True)


@pytest.fixture
def eyes(request: pytest.FixtureRequest, demo: Demo, chromium: object) -> Iterator[Eyes]:
    """A fresh browser window on the demo's pages, once for each language, colour and width."""
    yield from _opened(request.param, demo, chromium)


@pytest.fixture
def window(demo: Demo, chromium: object) -> Iterator[Eyes]:
    """One window alone: English, light, 1280 pixels."""
    yield from _opened(VARIANTS[0], demo, chromium)


def _opened(variant: Variant, demo: Demo, chromium: object) -> Iterator[Eyes]:
    eyes = Eyes(variant, demo, chromium)
    yield eyes
    eyes.close()
