"""What is known of a patient here and at every connected institution.

One line for each document: institution, homeCommunityId, repositoryUniqueId, uniqueId, what it is, when it was made
(UTC). The error output names each institution as it answers, or why it does not, and at the end what may be missing;
what the others answered is shown all the same. A document that two institutions hold is one line.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from node.commands import console
from node.commands.environment import new_uuid
from node.commands.options import add_dir, add_json, add_on_demand, root
from node.commands.user import add_user, assertion
from node.configuration.config import Config, load
from node.cx import patient_cx
from node.faults import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.client.documents import Found
    from node.outcome_words import Outcome

EXAMPLES = """\
examples:
  xdsnode find --patient 4711
  xdsnode find --patient 4711 --all               also documents that were replaced
  xdsnode find --patient 4711 --on-demand         also summaries, which are made when they are fetched
  xdsnode find --patient 4711 --user "Dr. Jane Doe" --role 112247003 --purpose TREAT
  xdsnode find --patient 4711 --user "Dr. Jane Doe" --role physician --purpose emergency --reason "unconscious"
  xdsnode find --patient 4711 --json | jq '.documents[].title'

exit status: 0 everybody answered, 4 somebody could not be asked, 1 refused, 3 the own node cannot be reached
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Patient and form of the output."""
    add_dir(parser)
    parser.add_argument("--patient", required=True, metavar="ID", help="e.g. 4711 or '4711^^^&2.999.1&ISO'")
    parser.add_argument("--all", action="store_true", help="also documents that were replaced or deprecated")
    add_on_demand(parser)
    add_user(parser)
    add_json(parser, "documents and errors")


def run(args: argparse.Namespace) -> int:
    """Ask and print."""
    from node.client.documents import failed  # noqa: PLC0415  the client side is imported for these commands only
    from node.client.institutions import names_of  # noqa: PLC0415
    from node.client.listing import explained, listed, missing  # noqa: PLC0415

    config = load(root(args))
    patient = patient_cx(args.patient, config.node.assigning_authority)
    outcomes: list[Outcome] = []
    found = _find(config, patient, assertion(config, args, patient), _teller(outcomes), args)
    names = names_of(config)
    documents = listed(found.documents, names, config.node.home_community_id)
    if args.json:
        errors = [
            {
                "code": error.code,
                "context": error.context,
                "location": error.location,
                "institution": names.get(error.location, ""),
            }
            for error in found.head.errors
        ]
        console.emit(
            {
                "patient": patient,
                "documents": [item.as_json() for item in documents],
                "errors": errors,
                "outcomes": [outcome.as_json() for outcome in outcomes],
                "may_be_missing": missing(outcomes),
            }
        )
    else:
        headings = ("institution", "homeCommunityId", "repository", "uniqueId", "what", "when (UTC)")
        console.table([item.row() for item in documents], headings)
        console.note(f"{len(documents)} documents of {patient}")
        for error in found.head.errors:
            console.note(explained(error, names))
        for sentence in missing(outcomes):
            console.note(sentence)
    if not failed(found.head):
        return Exit.DONE
    return Exit.PARTLY if found.head.status.endswith("PartialSuccess") else Exit.REFUSED


def _teller(outcomes: list[Outcome]) -> Callable[[Outcome], None]:
    """Says how each institution ended, as it ends, and keeps it."""

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        console.note(f"{outcome.name}: {outcome.text()}")

    return tell


def _find(
    config: Config, patient: str, user: bytes, tell: Callable[[Outcome], None], args: argparse.Namespace
) -> Found:
    from node.client.documents import Documents  # noqa: PLC0415
    from node.client.session import NodeSession  # noqa: PLC0415

    with NodeSession(config, assertion=user) as session:
        asked = Documents(session, new_uuid)
        return asked.of_patient(patient, deprecated=args.all, on_demand=args.on_demand, tell=tell)
