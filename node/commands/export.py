"""Write everything of a patient, or of every patient, into a folder that anybody can read.

The layout is IHE XDM: a folder for each submission set, its metadata as XML beside the documents, pages for people, and
MANIFEST.TXT with the SHA-256 of every file (sha256sum -c MANIFEST.TXT). Consents go along. Each submission set is an
entry of the audit log. FOLDER holds patients' data in clear: keep it as safe as the node. Run it again after a stop:
what was written is not written again. A node that does not run is this command's alone until the end. Left out:
documents made on demand, those in quarantine, older versions of metadata, demographics.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from node import __version__
from node.commands import console
from node.commands.environment import now
from node.commands.execution import Order, many
from node.commands.options import add_dir, add_json, root
from node.configuration.config import Config, load
from node.faults import Exit, misused
from node.packages import layout

EXAMPLES = """\
examples:
  xdsnode export --patient 4711 --output /media/stick/4711
  xdsnode export --node --output /backup/open          a folder for each patient
  xdsnode import /media/stick/4711 --dir OTHER          at another node
"""

AT_ONCE: Final = 8  # patients whose records and files share the waiting for the disk
_COUNTED: Final = ("patients", "submission_sets", "documents", "left_out", "missing")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whom, and where to."""
    add_dir(parser)
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--patient", default="", metavar="ID", help="this patient, under all identifiers")
    whom.add_argument("--node", action="store_true", help="every patient")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="new, or of a run that was stopped"
    )
    add_json(parser, "what was written")


def run(args: argparse.Namespace) -> int:
    """Write the folder."""
    config, folder = load(root(args)), args.output.expanduser().resolve()
    counted = Counter(dict.fromkeys(_COUNTED, 0))
    with many(config) as order:
        for one in _everybody(config, folder, order) if args.node else _one(config, args.patient, folder, order):
            counted.update(one)
    if args.json:
        console.emit(counted)
    console.note(", ".join(f"{value} {name.replace('_', ' ')}" for name, value in counted.items()))
    return Exit.PARTLY if counted["missing"] else Exit.DONE


def _everybody(config: Config, folder: Path, order: Order) -> Iterator[dict[str, int]]:
    """What was written of each patient, page by page: nothing here grows with the number of patients."""
    page = order("export begin", {})
    pool = ThreadPoolExecutor(AT_ONCE)

    def written(found: dict[str, Any]) -> dict[str, int]:
        return _patient(config, found, folder / layout.patient_name(found["number"]), order)

    try:
        with console.Progress("exported", page["total"], "patients") as progress:
            while page["patients"]:
                for counted in pool.map(written, page["patients"]):
                    progress.advance()
                    yield counted
                page = order("export begin", {"after": page["patients"][-1]["number"]})
    finally:
        pool.shutdown(cancel_futures=True)


def _one(config: Config, patient: str, folder: Path, order: Order) -> Iterator[dict[str, int]]:
    yield _patient(config, order("export begin", {"patient": patient}), folder, order)


def _patient(config: Config, found: dict[str, Any], folder: Path, order: Order) -> dict[str, int]:
    """One patient's folder; MANIFEST.TXT comes last, so that a folder with one is whole."""
    _ours(folder, found["patient"])
    if whole := _whole(folder, _state(found)):
        return whole
    _drop_others(folder, len(found["sets"]))
    counted = {"patients": 1, "submission_sets": len(found["sets"]), "documents": 0, "left_out": 0, "missing": 0}
    hashes: dict[str, str] = {}
    titles: list[tuple[str, str, str]] = []
    for number, set_ in enumerate(found["sets"], start=1):
        name = layout.set_name(number)
        target = folder / layout.XDM / name
        facts = target.with_suffix(".JSN")  # what was written, for the page; away at the end
        result = json.loads(facts.read_text(encoding="utf-8")) if facts.exists() else {}
        if result.get("set") != set_ or (result["written"] and not target.exists()):
            _clear(target)
            arguments = {"patient": found["patient"], "set": set_, "folder": str(target)}
            result = {"set": set_, **order("export set", arguments)}
            _put(facts, json.dumps(result), folder)
        counted["documents"] += result["documents"] - len(result["missing"])
        counted["left_out"] += result["left_out"]
        counted["missing"] += len(result["missing"])
        if not result["written"]:
            continue
        below = f"{layout.XDM}/{name}/"
        titles += [(below + file, title, created) for file, title, created in result["titles"]]
        text = (target / layout.MANIFEST).read_text(encoding="utf-8")
        hashes |= {below + file: digest for file, digest in layout.read_manifest(text).items()}
    _finish(config, folder, {**found, "counted": counted}, hashes, titles)
    return counted


def _state(found: dict[str, Any]) -> str:
    """What an export would be made of, in short: identifiers, consents, submission sets."""
    return layout.digest(json.dumps([found[name] for name in ("identities", "consents", "sets")]).encode())


def _whole(folder: Path, state: str) -> dict[str, int]:
    """What a folder holds that an earlier run has finished, if the patient's state is what it was then."""
    if not (folder / layout.MANIFEST).exists():
        return {}
    row = json.loads((folder / layout.PATIENT).read_text(encoding="utf-8"))
    counted: dict[str, int] = row.get("counted", {})
    return counted if row.get("state") == state else {}


def _drop_others(folder: Path, sets: int) -> None:
    """What an earlier run wrote of more submission sets than there are now: some were removed since."""
    (folder / layout.MANIFEST).unlink(missing_ok=True)  # of an earlier run: until the new one, it is not whole
    kept = {layout.set_name(number) for number in range(1, sets + 1)}
    for path in (folder / layout.XDM).glob("SUB*"):
        if path.stem not in kept:
            _clear(path)


def _ours(folder: Path, patient: str) -> None:
    """A folder that is new, or was begun for this patient."""
    path = folder / layout.PATIENT
    (folder / layout.XDM).mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and json.loads(path.read_text(encoding="utf-8"))["patient"] != patient:
        raise misused("export.folder", str(folder), "this folder holds another patient", "name another folder")
    if not path.exists() and any(one.name != layout.XDM for one in folder.iterdir()):
        raise misused("export.folder", str(folder), "this folder is not empty", "name another folder")
    if not path.exists():
        _put(path, layout.lines([{"patient": patient}]), folder)


def _clear(target: Path) -> None:
    """A set whose facts were not written is written anew."""
    if target.is_dir() and not target.is_symlink():
        for path in target.iterdir():
            path.unlink()
        target.rmdir()
    else:
        target.unlink(missing_ok=True)


def _put(path: Path, text: str, folder: Path) -> None:
    """A file that is there whole or not at all, also where the disk is full or this command is killed."""
    beside = folder / layout.XDM / f"{path.name}.TMP"
    beside.write_bytes(text.encode())
    beside.replace(path)


def _finish(
    config: Config, folder: Path, found: dict[str, Any], hashes: dict[str, str], titles: list[tuple[str, str, str]]
) -> None:
    when = f"{now():%Y-%m-%d}"
    row = {"patient": found["patient"], "identities": found["identities"], "institution": config.node.name,
           "home_community_id": config.node.home_community_id, "counted": found["counted"],
           "state": _state(found)}  # fmt: skip
    texts = {
        layout.PATIENT: layout.lines([row]),
        layout.CONSENTS: layout.lines({"consent": one} for one in found["consents"]),
        layout.README: layout.readme(config.node.name, __version__, when),
        layout.INDEX: layout.index(config.node.name, found["patient"], titles),
    }
    for name, text in texts.items():
        _put(folder / name, text, folder)
        hashes[name] = layout.digest(text.encode())
    _put(folder / layout.MANIFEST, layout.manifest(hashes), folder)
    for facts in (folder / layout.XDM).glob("*.JSN"):
        facts.unlink()
