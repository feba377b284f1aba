"""Command line of `scripts/demo`.

Status 0 after SIGTERM, SIGINT or --exit; 1 when something did not work; 2 for a taken port or wrong usage.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from scripts.demo_content.story import INSTITUTIONS
from scripts.demonstration import people, story
from scripts.demonstration.federation import HTTPS, Federation, PortTaken, WrongState
from scripts.demonstration.processes import CommandFailed

DEFAULT_BASE = 18000


class Ending(BaseException):
    """SIGTERM or SIGINT arrived."""


def _end(_signal: int, _frame: FrameType | None) -> None:
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)  # one is enough; a second must not disturb the ending
    raise Ending


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="A hospital, a clinic and a laboratory with the documents of one patient."
    )
    parser.add_argument("--dir", type=Path, default=Path(".demo"), metavar="DIR", help="where they are kept (.demo)")
    parser.add_argument("--port-base", type=int, metavar="N", help=f"first of 30 ports ({DEFAULT_BASE}, or as kept)")
    parser.add_argument("--exit", action="store_true", help="show everything, then end")
    return parser.parse_args(words)


def _show(federation: Federation) -> None:
    """What was found and fetched across institutions, where everything is, what to try."""
    first = federation.nodes[0]
    found = story.find(first)
    fetched, output = story.fetch(first, federation)
    print(f"\n{found} documents found, {fetched} fetched through {first.name}, every one identical to its original.")
    elsewhere = story.find(first, story.OTHER_NUMBERS[0])
    numbers = ", ".join(story.OTHER_NUMBERS)
    print(f"{elsewhere} documents of one person with the identifiers {numbers}, found by demographics.")
    print(f"  fetched files: {output}")
    print(f"  originals:     {federation.kept / 'documents'}")
    for page in sorted(output.glob("*.html")):
        print(f"  made for this: {page}   the patient's summary, with its sources")
    print("\nInstitutions:")
    for node in federation.nodes:
        print(f"  {node.name}")
        print(f"    folder {node.folder}   https://localhost:{node.base + HTTPS}/   state {node.state_url}")
    people.show(federation)
    folder = first.folder
    print(f"""
What to try next, in another terminal:
  .venv/bin/xdsnode find --dir {federation.nodes[1].folder} --patient {story.PATIENT}
  .venv/bin/xdsnode submit --dir {federation.nodes[2].folder} --patient {story.PATIENT} README.md
  .venv/bin/xdsnode audit search --dir {folder} --patient {story.PATIENT}
  .venv/bin/xdsnode audit report --dir {folder} --patient {story.PATIENT} --output report.zip
  .venv/bin/xdsnode audit verify --dir {folder}
  .venv/bin/xdsnode endpoints --dir {folder}""")


def _run(federation: Federation, *, leave: bool) -> int:
    started = time.monotonic()
    federation.check_ports()
    if not federation.done("connected"):
        print(f"making three institutions in {federation.folder} (ports {federation.base} and up)")
    federation.make()
    story.offer_summaries(federation)
    federation.start()
    if not federation.done("story"):
        story.submit(federation)
        federation.mark("story")
    print(f"ready: all three institutions answer ({time.monotonic() - started:.0f} s)")
    if not federation.done("another"):
        story.submit_elsewhere(federation)
        federation.mark("another")
    if not federation.done("people"):
        people.add(federation)
        federation.mark("people")
    _show(federation)
    if leave:
        print(f"\nended, as --exit asks; to go on: scripts/demo --dir {federation.folder}")
        return 0
    print("\nrunning until Ctrl-C")
    while not federation.ended():
        time.sleep(0.5)
    node = federation.ended()[0]
    print(f"node {node.number} ended by itself; the end of its log:\n{federation.log_tail(node)}", file=sys.stderr)
    return 1


def main(words: list[str]) -> int:
    """Make or continue the federation, show it, and keep it running until a signal."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    options = _arguments(words)
    names = [institution.name for institution in INSTITUTIONS]
    try:
        federation = Federation(options.dir.absolute(), names, options.port_base, DEFAULT_BASE)
    except WrongState as problem:
        print(problem, file=sys.stderr)
        return 2
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _end)
    try:
        return _run(federation, leave=options.exit)
    except Ending:
        return 0
    except PortTaken as problem:
        print(problem, file=sys.stderr)
        return 2
    except CommandFailed as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        federation.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
