"""Command line of `scripts/federation`: status 0 after a signal, 1 when a node refused, 2 for wrong usage."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from node.cx import patient_cx
from node.faults import Faults
from node.serving import allow_files
from scripts.simulated.behaviours import KINDS, mix_of
from scripts.simulated.population import MOST, PERSON, Member, connect, give, members, start, stop, summary

DESCRIPTION = """\
Run any number of light simulated communities in one process, beside real nodes.

Each has a certificate of a development authority, a port of its own and a behaviour. Real nodes are told of them with
--connect and then ask them like any other institution: with `xdsnode find`, in the pages, from other systems.
Everything is kept in --dir: the second start finds the same communities, and nodes that know them need
not be told again. For development nodes only.
"""

_WORDS = "\n".join(
    f"  {word:9} {kind.meaning}{f' (SECONDS: {kind.period:g})' if kind.period else ''}" for word, kind in KINDS.items()
)
EXAMPLES = f"""\
behaviours of --mix, each as WORD=COUNT or WORD:SECONDS=COUNT; whoever is not named is truthful:
{_WORDS}

examples:
  scripts/demo --exit                                   three real nodes in .demo, kept
  scripts/federation --nodes 20 --ca .demo/demo/ca --connect .demo/node1 --patient DEMO-1 --known 5
  scripts/federation --nodes 50 --mix dead=5,silent=5,slow=5,garbage=5,lying=2 --ca .demo/demo/ca --connect .demo/node1
  scripts/federation --nodes 1000 --ca .demo/demo/ca --connect .demo/node1         a large country
  scripts/federation --nodes 1000 --locators 20 --ca .demo/demo/ca --connect .demo/node1 --patient DEMO-1 \\
    --person '{{"family": "Halvorsen", "given": "Nora", "birth": "19720415", "phone": "tel:+4755551000"}}'
                                                         only those who know the patient are asked
  xdsnode find --dir .demo/node1 --patient DEMO-1                          each institution as it answers
"""


def _arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/federation",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--nodes", type=int, default=10, metavar="N", help="how many communities (default 10)")
    parser.add_argument("--mix", default="", metavar="WORDS", help="how they behave, see below; the rest is truthful")
    parser.add_argument(
        "--dir", type=Path, default=Path(".federation"), help="where they are kept (default .federation)"
    )
    parser.add_argument("--ca", type=Path, help="development authority of the real nodes (default DIR/ca)")
    parser.add_argument("--port-base", type=int, default=23000, metavar="P", help="ports P to P+N-1 (default 23000)")
    parser.add_argument(
        "--connect", type=Path, action="append", default=[], metavar="NODE", help="folder of a real node"
    )
    parser.add_argument("--patient", metavar="ID", help="a patient, as ID^^^&OID&ISO, whom some of them know")
    parser.add_argument(
        "--known", type=int, default=5, metavar="K", help="how many of them know the patient (default 5)"
    )
    parser.add_argument(
        "--documents", type=int, default=1, metavar="D", help="documents each of them holds (default 1)"
    )
    parser.add_argument(
        "--locators", type=int, default=0, metavar="L", help="how many are locators, 3 or more (ITI-56)"
    )
    parser.add_argument(
        "--person",
        type=_person,
        metavar="JSON",
        help="family, given, birth, and sex, street, city, phone: who the patient is; each community then has "
        "identifiers of its own and is asked by demographics (ITI-55)",
    )
    parser.add_argument("--exit", action="store_true", help="make and connect them, then end without running")
    options = parser.parse_args(words)
    if not 1 <= options.nodes <= MOST or not 1024 <= options.port_base <= 65536 - options.nodes:
        parser.error(f"--nodes is 1 to {MOST}, and their ports 1024 to 65535")
    try:
        options.mix = mix_of(options.mix, options.nodes)
    except ValueError as problem:
        parser.error(f"--mix: {problem}")
    return options


def _person(text: str) -> dict[str, str]:
    try:
        said = json.loads(text)
    except json.JSONDecodeError as problem:
        raise argparse.ArgumentTypeError(f"not JSON: {problem}") from None
    if not isinstance(said, dict) or not {"family", "given", "birth"} <= said.keys() <= PERSON:
        raise argparse.ArgumentTypeError(f"an object with family, given and birth, and of {', '.join(sorted(PERSON))}")
    return said


async def _run(population: list[Member], began: float) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await start(population)
    print(f"ready: {summary(population)} after {time.monotonic() - began:.1f} s", flush=True)
    await ended.wait()
    await stop(population)


def main(words: list[str]) -> int:
    """Make or find the communities, tell the nodes, and answer until a signal."""
    options, began = _arguments(words), time.monotonic()
    allow_files()
    folder = options.dir.absolute()
    try:
        population = members(
            folder,
            (options.ca or folder / "ca").absolute(),
            options.port_base,
            options.mix,
            locators=options.locators,
            apart=options.person is not None,
        )
        if options.patient:
            patient = patient_cx(options.patient, "")
            for home in give(population, patient, options.known, options.documents, options.person):
                print(f"knows the patient: {home}")
        for node in options.connect:
            print(f"{node}: {connect(node.absolute(), population)} communities added")
        if not options.exit:
            asyncio.run(_run(population, began))
    except Faults as refusal:
        for fault in refusal.faults:
            print(fault.text(), file=sys.stderr)
        return int(refusal.status)
    except OSError as problem:
        print(f"{problem}; give other ports with --port-base", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
