"""Take in a folder that `export` wrote, here or at another node, or an XDM package of another system.

Every document is compared with its hash before anything of its submission set is registered. What is here already is
left as it is, so that the same folder may be given again, after a stop too. Consents are kept before documents can be
seen. A patient of another assigning authority needs --as. Each submission set is an entry of the audit log.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import Config, load
from node.faults import Exit, Faults, misused
from node.packages import layout

EXAMPLES = """\
examples:
  xdsnode import /media/stick/4711
  xdsnode import /media/stick/4711 --as 8811        the patient has another identifier here
  xdsnode import /backup/open                       a folder for each patient, as export --node writes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The folder, and who that is here."""
    add_dir(parser)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a package, unpacked")
    parser.add_argument("--as", dest="patient", default="", metavar="ID", help="the patient here; for one patient")
    add_json(parser, "what was taken in")


def run(args: argparse.Namespace) -> int:
    """Take it in."""
    config, folder = load(root(args)), args.folder.expanduser().resolve()
    packages = (
        [folder] if (folder / layout.XDM).is_dir() else sorted(one.parent for one in folder.glob(f"*/{layout.XDM}"))
    )
    if not packages:
        raise misused("import.folder", str(folder), f"there is no {layout.XDM} in it", "name the folder that holds it")
    if args.patient and len(packages) > 1:
        raise misused("usage", "--as", f"{folder} holds {len(packages)} patients", "import them one by one")
    counted = {"patients": 0, "submission_sets": 0, "already_here": 0, "documents": 0, "refused": 0}
    for package in packages:
        for name, value in _package(config, package, args.patient).items():
            counted[name] += value
        if len(packages) > 1:
            console.note(f"{counted['patients']} of {len(packages)} patients, {counted['documents']} documents")
    if args.json:
        console.emit(counted)
    console.note(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counted.items()))
    return Exit.PARTLY if counted["refused"] else Exit.DONE


def _package(config: Config, folder: Path, as_: str) -> dict[str, int]:
    patient = as_ or _named(folder)
    consents = [json.loads(line)["consent"] for line in _text(folder / layout.CONSENTS).splitlines()]
    execute(config, "import patient", {"patient": patient, "consents": consents})
    counted = {"patients": 1, "submission_sets": 0, "already_here": 0, "documents": 0, "refused": 0}
    places = [one for one in (folder / layout.XDM).iterdir() if not one.suffix and (one / layout.METADATA).is_file()]
    waiting = sorted(places, key=lambda one: (len(one.name.rstrip("0123456789")) < len("SUBSET"), one.name))
    deprecated: list[str] = []
    while waiting:  # one that refers to a later one waits for it
        refusals: dict[Path, Faults] = {}
        for place in waiting:
            try:
                arguments = {"patient": patient, "folder": str(place), "root": str(folder)}
                result = execute(config, "import set", arguments)
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
    execute(config, "import end", {"patient": patient, "deprecated": deprecated})
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
