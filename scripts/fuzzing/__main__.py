"""One target for some time: with atheris where it is there, which follows the code that is reached, else by mutation.

Status 0: nothing was found. 1: the input that did it lies in the folder `--findings`, and how to repeat it is printed.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Final

HANG: Final = 10  # seconds that one input may take


class Hung(Exception):  # noqa: N818  what happened
    """One input took too long."""


def main(words: list[str]) -> int:
    """Fuzz, or repeat one input."""
    parser = argparse.ArgumentParser(prog="python -m scripts.fuzzing")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--findings", type=Path, default=Path(".test-results/fuzz"))
    parser.add_argument("--input", type=Path, help="run this one input alone")
    parser.add_argument("--mutate", action="store_true", help="without atheris, even where it is there")
    options = parser.parse_args(words)
    options.findings.mkdir(parents=True, exist_ok=True)
    if options.input:
        from scripts.fuzzing.targets import TARGETS  # noqa: PLC0415

        TARGETS[options.target].run(options.input.read_bytes())
        return 0
    if not options.mutate and importlib.util.find_spec("atheris"):
        return _followed(options)
    return _mutated(options)


def _mutated(options: argparse.Namespace) -> int:
    from scripts.fuzzing.mutation import mutated  # noqa: PLC0415
    from scripts.fuzzing.targets import TARGETS  # noqa: PLC0415

    target, seed = TARGETS[options.target], options.seed if options.seed is not None else time.time_ns() % 1_000_000
    rng, until, count = random.Random(seed), time.monotonic() + options.seconds, 0
    print(f"{options.target}: mutations of {len(target.seeds)} messages, seed {seed}", flush=True)
    while time.monotonic() < until:
        data = mutated(rng, target.seeds, target.words)
        if not tried(target.run, data, options.target, options.findings):
            return 1
        count += 1
    print(f"{options.target}: {count} inputs, nothing found")
    return 0


def tried(run: Callable[[bytes], None], data: bytes, name: str, findings: Path) -> bool:
    """Run one input; False when it did something that no input may, which is kept and printed."""
    signal.signal(signal.SIGALRM, _hung)
    signal.alarm(HANG)
    try:
        run(data)
    except Exception as problem:  # whatever it is, it is what is looked for
        path = findings / f"{name}-{sha256(data).hexdigest()[:16]}"
        path.write_bytes(data)
        print(f"{name}: {type(problem).__name__}: {str(problem)[:300]}")
        print(f"again: python -m scripts.fuzzing {name} --input {path}")
        return False
    finally:
        signal.alarm(0)
    return True


def _hung(_number: int, _frame: FrameType | None) -> None:
    raise Hung(f"one input took more than {HANG} s")


def _followed(options: argparse.Namespace) -> int:
    """libFuzzer through atheris; it ends the process itself, with 77 for a finding."""
    import atheris  # type: ignore[import-not-found]  # noqa: PLC0415

    with atheris.instrument_imports(include=["node", "registry", "repository", "trust"]):
        from scripts.fuzzing.targets import TARGETS  # noqa: PLC0415

    target = TARGETS[options.target]
    with tempfile.TemporaryDirectory(prefix="xdsnode-fuzz-") as folder:
        corpus = Path(folder)
        for number, seed in enumerate(target.seeds):
            (corpus / f"seed{number}").write_bytes(seed)
        words = corpus.with_suffix(".dict")
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in target.words), encoding="ascii")
        arguments = [
            *("fuzz", str(corpus), f"-max_total_time={options.seconds}", f"-timeout={HANG}", "-max_len=100000"),
            *(f"-artifact_prefix={options.findings}/{options.target}-", "-print_final_stats=1"),
            *([f"-dict={words}"] if target.words else []),
            *("-rss_limit_mb=1500", "-verbosity=0", *([f"-seed={options.seed}"] if options.seed is not None else [])),
        ]
        print(f"{options.target}: atheris, {len(target.seeds)} messages to begin with", flush=True)
        atheris.Setup(arguments, target.run)
        atheris.Fuzz()
    return 0


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in word)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
