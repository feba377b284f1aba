"""The story of one patient, told through the command line: documents in at three places, found and fetched from one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from scripts.demo_content import people
from scripts.demo_content.story import INSTITUTIONS, write
from scripts.demonstration.federation import Federation, Node
from scripts.demonstration.processes import CommandFailed, together, xdsnode

PATIENT = "DEMO-1"
PERSON = (
    *("--family", people.PATIENT.family, "--given", people.PATIENT.given, "--sex", people.PATIENT.gender),
    *("--birth-date", people.PATIENT.born, "--city", people.PATIENT.city, "--phone", people.PATIENT.telephone),
)
OTHER_NUMBERS = ("RGH-118823", "MSC-2046", "NL-330915")  # of one person, at each institution another
OTHER_PERSON = (
    *("--family", "Zhang", "--given", "Wei", "--birth-date", "1958-11-02", "--sex", "M"),
    *("--street", "16 Lotus Road", "--city", "Hangzhou", "--phone", "+86-571-5550-9911"),
)


def offer_summaries(federation: Federation) -> None:
    """The clinic offers a summary of every patient, made when it is fetched. Before it starts."""
    config = federation.nodes[1].folder / "node.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("# offered = false", "offered = true", 1), encoding="utf-8")


def submit(federation: Federation) -> None:
    """Make the patient known everywhere and share every institution's documents, once."""
    folders = [str(node.folder) for node in federation.nodes]
    together([["patient", "add", PATIENT, *PERSON, "--dir", folder] for folder in folders])
    reports = federation.kept / "reports"  # so that an interrupted first start sends nothing twice
    reports.mkdir(exist_ok=True)
    commands = []
    for node, institution in zip(federation.nodes, INSTITUTIONS, strict=True):
        paths = write(institution, federation.kept / "documents" / f"node{node.number}")
        report = reports / f"node{node.number}"
        commands.append(
            [
                *("submit", "--dir", str(node.folder), "--patient", PATIENT, "--report", str(report)),
                *map(str, paths),
            ]
        )
    for node, said in zip(federation.nodes, together(commands), strict=True):
        print(f"{node.name} shared:")
        print(_indented(said.out))


def submit_elsewhere(federation: Federation) -> None:
    """A patient who has another identifier at each institution, with one note at each: found by demographics."""
    folder = federation.kept / "notes"
    folder.mkdir(exist_ok=True)
    together(
        [
            ["patient", "add", number, *OTHER_PERSON, "--dir", str(node.folder)]
            for node, number in zip(federation.nodes, OTHER_NUMBERS, strict=True)
        ]
    )
    commands = []
    for node, number in zip(federation.nodes, OTHER_NUMBERS, strict=True):
        note = folder / f"note-of-{number}.txt"
        note.write_text(f"Note of {node.name} about its patient {number}.\n", encoding="utf-8")
        report = federation.kept / "reports" / f"note{node.number}"
        commands.append(["submit", "--dir", str(node.folder), "--patient", number, "--report", str(report), str(note)])
    together(commands)


def find(node: Node, patient: str = PATIENT) -> int:
    """Ask one institution for everything that any of them has; prints it and returns how many documents there are.

    What is made when it is fetched is printed too, and not counted.
    """
    said = json.loads(
        xdsnode("find", "--json", "--on-demand", "--dir", str(node.folder), "--patient", patient, partly=True).out
    )
    print(f"\nEverything that is known of patient {patient}, asked at {node.name}:")
    for one in sorted(said["documents"], key=lambda one: str(one["creation_time"])):
        made = one["creation_time"]
        when = "when asked" if one["on_demand"] else f"{made[:4]}-{made[4:6]}-{made[6:8]}"
        print(f"  {when}  {one['title']}, {one['mime_type']}  ({one['institution']})")
    for error in said["errors"]:
        print(f"  {error['code']}: {error['context']}")
    return sum(not one["on_demand"] for one in said["documents"])


def fetch(node: Node, federation: Federation) -> tuple[int, Path]:
    """Fetch all of it through that one institution, and compare with what was shared.

    Raises:
        CommandFailed: a document is missing or not the same, byte for byte.
    """
    output = federation.kept / "fetched"
    shutil.rmtree(output, ignore_errors=True)
    wanted = ("--dir", str(node.folder), "--patient", PATIENT, "--on-demand", "--output", str(output))
    xdsnode("fetch", *wanted, partly=True)
    shared = _digests(federation.kept / "documents")
    missing = shared - _digests(output)
    if missing:
        raise CommandFailed(f"{len(missing)} of {len(shared)} documents did not come back identical")
    return len(shared), output


def _digests(folder: Path) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def _indented(text: str) -> str:
    return "\n".join("  " + line for line in text.rstrip().splitlines())
