"""Take in a folder that `export` wrote, here or at another node, or an XDM package of another system.

Every document is compared with its hash before anything of its submission set is registered. What is here already is
left as it is, so that the same folder may be given again, after a stop too. Consents are kept before documents can be
seen. A patient of another assigning authority needs --as. Each submission set is an entry of the audit log. A node that
does not run is this command's alone until the end.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from node.commands import console
from node.commands.execution import Order, many
from node.commands.options import add_dir, add_json, root
from node.configuration.config import load
from node.faults import Exit, Faults, misused
from node.packages import layout

EXAMPLES = """\
examples:
  xdsnode import /media/stick/4711
  xdsnode import /media/stick/4711 --as 8811        the patient has another identifier here
  xdsnode import /backup/open                       a folder for each patient, as export --node writes
"""

AT_ONCE: Final = 8  # patients whose records and files share the waiting for the disk
_PAGE: Final = 500
_COUNTED: Final = ("patients", "submission_sets", "already_here", "documents", "refused")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and who that is here."""
    add_dir(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a package, unpacked")
    parser.add_argument("--as", dest="patient", default="", metavar="ID", help="the patient here; for one patient")
    add_json(parser, "what was taken in")


def run(args: argparse.Namespace) -> int:
    """Take it in."""
    config, folder = load(root(args)), args.folder.expanduser().resolve()
    names = [""] if (folder / layout.XDM).is_dir() else _packages(folder)
    if not names:
        raise misused("import.folder", str(folder), f"there is no {layout.XDM} in it", "name the folder that holds it")
    if args.patient and len(names) > 1:
        raise misused("usage", "--as", f"{folder} holds {len(names)} patients", "import them one by one")
    counted = Counter(dict.fromkeys(_COUNTED, 0))
    with many(config) as order:
        for one in _each(folder, names, args.patient, order):
            counted.update(one)
    if args.json:
        console.emit(counted)
    console.note(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counted.items()))
    return Exit.PARTLY if counted["refused"] else Exit.DONE


def _packages(folder: Path) -> list[str]:
    """The folders of patients in the export of a whole node."""
    with os.scandir(folder) as entries:
        return sorted(one.name for one in entries if one.is_dir() and (Path(one.path) / layout.XDM).is_dir())


def _each(folder: Path, names: Sequence[str], as_: str, order: Order) -> Iterator[dict[str, int]]:
    """What was taken in of each patient, several at once, in the order of their names."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        with console.Progress("imported", len(names), "patients") as progress:
            for start in range(0, len(names), _PAGE):
                for counted in pool.map(lambda name: _package(folder / name, as_, order), names[start : start + _PAGE]):
                    progress.advance()
                    yield counted
    finally:
        pool.shutdown(cancel_futures=True)


def _package(folder: Path, as_: str, order: Order) -> dict[str, int]:
    patient = as_ or _named(folder)
    consents = [json.loads(line)["consent"] for line in _text(folder / layout.CONSENTS).splitlines()]
    order("import patient", {"patient": patient, "consents": consents})
    counted = {"patients": 1, "submission_sets": 0, "already_here": 0, "documents": 0, "refused": 0}
    places = [one for one in (folder / layout.XDM).iterdir() if not one.suffix and (one / layout.METADATA).is_file()]
    waiting = sorted(places, key=lambda one: (len(one.name.rstrip("0123456789")) < len("SUBSET"), one.name))
    deprecated: list[str] = []
    while waiting:  # one that refers to a later one waits for it
        refusals: dict[Path, Faults] = {}
        for place in waiting:
            try:
                arguments = {"patient": patient, "folder": str(place), "root": str(folder)}
                result = order("import set", arguments)
            except Faults as refusal:
                refusals[place] = refusal
                continue
            counted["submission_sets"] += 1
            counted["already_here"] += result["state"] == "here already"
            counted["documents"] += result["documents"]
            deprecated += result["deprecated"]
        if len(refusals) == len(waiting):
            for left in refusals.values():
                console.complain(left)
            counted["refused"] = len(refusals)
            break
        waiting = list(refusals)
    order("import end", {"patient": patient, "deprecated": deprecated})
    return counted


def _named(folder: Path) -> str:
    """The patient that the package says it is of."""
    text = _text(folder / layout.PATIENT)
    try:
        found: dict[str, Any] = json.loads(text)
        return str(found["patient"])
    except (ValueError, KeyError, TypeError):
        step = "say who that is here: --as ID"
        raise misused("import.patient", str(folder / layout.PATIENT), "it names no patient", step) from None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
