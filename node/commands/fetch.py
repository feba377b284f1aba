"""Get documents from wherever they are held.

Either one document by its three identifiers (as `find` prints them) into a file, or every document of a patient into a
folder. Each is compared with its metadata; what is already in the folder is not fetched again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from node.commands import console
from node.commands.environment import new_uuid
from node.commands.options import add_dir, add_on_demand, root
from node.commands.user import add_user, assertion
from node.configuration.config import Config, load
from node.cx import patient_cx
from node.faults import Exit, Faults, misused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.client.documents import Documents
    from node.client.fetcher import Fetcher, Got
    from registry.errors import RegistryError

EXAMPLES = """\
examples:
  xdsnode fetch --patient 4711 --output 4711/
  xdsnode fetch --patient 4711 --on-demand --output 4711/      also summaries, made for this
  xdsnode fetch --home urn:oid:2.999.1 --repository 2.999.2 --unique-id 2.25.31415926 --output letter.pdf

exit status: 0 all there, 1 none, 4 some; 3 the own node cannot be reached
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which documents, and where to."""
    add_dir(parser)
    parser.add_argument("--patient", metavar="ID", help="every document of this patient")
    parser.add_argument("--home", metavar="H", help="homeCommunityId of the institution that holds it")
    parser.add_argument("--repository", metavar="R", help="repositoryUniqueId")
    parser.add_argument("--unique-id", metavar="U", help="uniqueId of the document")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE|FOLDER", help="where it is written")
    add_on_demand(parser)
    add_user(parser)
    parser.add_argument("--force", action="store_true", help="overwrite FILE")


def run(args: argparse.Namespace) -> int:
    """Fetch and say what became of each document."""
    one = (args.home, args.repository, args.unique_id)
    if bool(args.patient) == any(one) or (any(one) and not all(one)):
        step = "give --patient ID, or all three of --home, --repository and --unique-id"
        raise misused("usage", "xdsnode fetch", "it is not clear which documents are meant", step)
    if not args.patient and args.output.exists() and not args.force:
        raise misused("output.exists", str(args.output), "this file exists", "name another, or add --force")
    config = load(root(args))
    results, errors = _fetch(config, args)
    there = sum(got.file is not None for got in results)
    if len(results) > 1:
        console.note(f"{there} of {len(results)} documents are in {args.output}")
    if there == len(results):
        return Exit.PARTLY if errors else Exit.DONE
    return Exit.PARTLY if there else Exit.REFUSED


def _fetch(config: Config, args: argparse.Namespace) -> tuple[list[Got], tuple[RegistryError, ...]]:
    from node.client.documents import Documents  # noqa: PLC0415  the client side is imported for these commands only
    from node.client.fetcher import Fetcher  # noqa: PLC0415
    from node.client.institutions import names_of  # noqa: PLC0415
    from node.client.session import NodeSession  # noqa: PLC0415

    names = names_of(config)
    with NodeSession(config, assertion=assertion(config, args)) as session:
        documents = Documents(session, new_uuid)
        fetcher = Fetcher(documents, names, _tell)
        if args.patient:
            return _of_patient(config, args, documents, fetcher, names)
        return _single(config, args, documents, fetcher, names)


def _of_patient(
    config: Config, args: argparse.Namespace, documents: Documents, fetcher: Fetcher, names: Mapping[str, str]
) -> tuple[list[Got], tuple[RegistryError, ...]]:
    from node.client.listing import explained, listed  # noqa: PLC0415

    patient = patient_cx(args.patient, config.node.assigning_authority)
    found = documents.of_patient(patient, on_demand=args.on_demand)
    for error in found.head.errors:
        console.note(explained(error, names))
    wanted = listed(found.documents, names, config.node.home_community_id)
    return fetcher.into_folder(wanted, args.output), found.head.errors


def _single(
    config: Config, args: argparse.Namespace, documents: Documents, fetcher: Fetcher, names: Mapping[str, str]
) -> tuple[list[Got], tuple[RegistryError, ...]]:
    """One document. Its metadata, asked for first, say what it must be; without them it is fetched all the same."""
    from node.client.listing import Listed, listed  # noqa: PLC0415

    home = args.home if args.home.startswith("urn:oid:") else f"urn:oid:{args.home}"
    found = documents.by_unique_id(args.unique_id, home)
    known = [
        item
        for item in listed(found.documents, names, config.node.home_community_id)
        if item.repository == args.repository
    ]
    wanted = (
        known[0]
        if known
        else Listed(
            institution=names.get(home, home),
            home=home,
            repository=args.repository,
            unique_id=args.unique_id,
            entry_uuid="",
            title="",
            type="",
            created="",
            mime_type="",
            size="",
            sha1="",
            deprecated=False,
        )
    )
    args.output.parent.mkdir(parents=True, exist_ok=True)
    return [fetcher.one(wanted, args.output)], ()


def _tell(got: Got) -> None:
    if got.fault:
        console.complain(Faults([got.fault]))
    else:
        console.out(f"{got.document.unique_id}  {got.file}{'  (was there)' if got.already else ''}")
        if got.copy:
            console.note(f"{got.document.unique_id}: {got.copy}")
