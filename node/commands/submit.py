"""Share documents of a patient.

Needs nothing but the patient and files: title, type, author and times come from the header of a CDA document, else from
the file; what neither says comes from [submit] in node.toml. Each document gets a fresh uniqueId; the id of a CDA
document goes to its referenceIdList, because several real documents share one id. One line for each document is
printed: uniqueId, entryUUID, file.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from node.commands import console
from node.commands.environment import new_uuid, now
from node.commands.options import add_dir, add_json, root
from node.commands.user import add_user, assertion
from node.configuration.config import Config, load
from node.cx import patient_cx
from node.faults import Faults, misused

if TYPE_CHECKING:
    from node.client.submitter import Shared
    from node.documents.submission_builder import Source, Wishes

EXAMPLES = """\
examples:
  xdsnode submit --patient 4711 discharge.xml
  xdsnode submit --patient 4711 --folder "Knee 2026" letter.pdf x-ray.dcm
  xdsnode submit --patient 4711 --replace 2.25.31415926 corrected.pdf
  xdsnode submit --patient 4711 --report done.txt scans/
      every file in scans; run it again after an interruption: what was acknowledged is not sent twice

exit status: 0 all shared, 1 none, 4 some; 3 the node cannot be reached
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Patient, files, and what can be wished."""
    add_dir(parser)
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="documents, in this order; of a directory every file in it"
    )
    parser.add_argument("--patient", required=True, metavar="ID", help="e.g. 4711 or '4711^^^&2.999.1&ISO'")
    parser.add_argument("--title", default="", metavar="TEXT", help="instead of the document's own")
    parser.add_argument("--folder", default="", metavar="NAME", help="put them into this folder; made when new")
    parser.add_argument("--replace", default="", metavar="UNIQUE_ID", help="the document that FILE replaces")
    ids = parser.add_mutually_exclusive_group()
    ids.add_argument("--unique-id", default="", metavar="UNIQUE_ID", help="for one FILE, instead of a fresh one")
    ids.add_argument("--unique-id-from-cda", action="store_true", help="take the id of the CDA document")
    parser.add_argument("--report", type=Path, metavar="FILE", help="remembers what was acknowledged")
    add_user(parser)
    add_json(parser, "what became of each file")


def run(args: argparse.Namespace) -> int:
    """Share every file; one that is refused does not keep the others."""
    from node.client.submitter import outcome  # noqa: PLC0415  the client side is imported for these commands only
    from node.documents.submission_builder import Wishes  # noqa: PLC0415

    config = load(root(args))
    args.files = [file for path in args.files for file in _files(path, args.report)]
    if len(args.files) > 1 and (args.unique_id or args.replace):
        option = "--unique-id" if args.unique_id else "--replace"
        raise misused("usage", option, "this is for one document only", "name one FILE")
    wishes = Wishes(
        patient=patient_cx(args.patient, config.node.assigning_authority),
        title=args.title,
        unique_id=args.unique_id,
        unique_id_from_cda=args.unique_id_from_cda,
        folder_title=args.folder,
    )
    results, broken = _share(config, args, wishes)
    if args.json:
        console.emit({"documents": [_as_json(result) for result in results]})
    if broken:
        console.complain(broken)
        if not any(result.done for result in results):
            return broken.status
    if len(results) > 1:
        done = sum(result.done for result in results)
        console.note(f"{done} of {len(args.files)} documents are shared")
    return outcome([*results, *(_unsent(path) for path in args.files[len(results) :])])


def _files(path: Path, report: Path | None) -> list[Path]:
    """The path itself; of a directory what is in it and below, by name, without hidden files and the report.

    Raises:
        Faults: it is a directory without files.
    """
    if not path.is_dir():
        return [path]
    kept = report.resolve() if report else None
    found = sorted(
        file
        for file in path.rglob("*")
        if not file.is_dir()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.resolve() != kept
    )
    if not found:
        raise misused("file.none", str(path), "there is no file in this directory", "name files, or another directory")
    return found


def _share(config: Config, args: argparse.Namespace, wishes: Wishes) -> tuple[list[Shared], Faults | None]:
    from node.client.documents import Documents  # noqa: PLC0415
    from node.client.report import Report  # noqa: PLC0415
    from node.client.session import NodeSession  # noqa: PLC0415
    from node.client.submitter import Submitter  # noqa: PLC0415

    results: list[Shared] = []
    user = assertion(config, args, wishes.patient)
    with NodeSession(config, assertion=user) as session, Report(args.report) as report:
        documents = Documents(session, new_uuid)
        submitter = Submitter(documents, _source(config), report, clock=now, new_uuid=new_uuid)
        try:
            wishes = submitter.prepare(wishes, replaces=args.replace)
            for number, path in enumerate(args.files, start=1):
                result = submitter.share(path, wishes)
                results.append(result)
                _print(result, number, len(args.files), quiet=args.json)
                if args.folder and not wishes.folder and result.done:
                    wishes = submitter.prepare(wishes)  # the folder exists from now on
        except Faults as broken:
            return results, broken
    return results, None


def _source(config: Config) -> Source:
    from node.configuration.vocabulary import affinity_domain  # noqa: PLC0415
    from node.documents.submission_builder import Source  # noqa: PLC0415

    return Source(
        name=config.node.name,
        source_id=config.node.repository_unique_id,
        assigning_authority=config.node.assigning_authority,
        defaults=config.submit,
        accepts=affinity_domain(config).accepts,
    )


def _print(result: Shared, number: int, total: int, *, quiet: bool) -> None:
    if result.done and not quiet:
        console.out(f"{result.unique_id}  {result.entry_uuid}  {result.file}")
    state = "already shared" if result.already else "shared" if result.done else "refused"
    if total > 1:
        console.note(f"[{number}/{total}] {state}: {result.file}")
    for note in result.notes:
        console.note(f"note: {result.file}: {note}")
    if result.faults:
        console.complain(Faults(result.faults))


def _as_json(result: Shared) -> dict[str, object]:
    return {
        "file": result.file,
        "done": result.done,
        "already": result.already,
        "unique_id": result.unique_id,
        "entry_uuid": result.entry_uuid,
        "title": result.title,
        "notes": list(result.notes),
        "faults": [fault.as_json() for fault in result.faults],
    }


def _unsent(path: Path) -> Shared:
    from node.client.submitter import Shared  # noqa: PLC0415
    from node.faults import Fault  # noqa: PLC0415

    return Shared(
        file=str(path), faults=[Fault("not-sent", str(path), "the node could not be reached", "run it again")]
    )
