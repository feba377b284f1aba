"""`xdsnode audit search | explain | reindex`: find entries of the audit log, and understand one."""

from __future__ import annotations

import argparse
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from node.auditing.proofs import institutions, proof_in_words, proof_of
from node.commands import console
from node.commands.execution import execute
from node.commands.options import add_dir, add_json
from node.configuration.config import Config, load
from node.cx import patient_cx
from node.faults import Exit, misused, refused
from node.records import subject
from trust.audit.fhir import audit_event
from trust.errors import LedgerBroken
from trust.ledger import hdn_verify
from trust.ledger.hdn_verify import Told
from trust.search.criteria import Criteria, period
from trust.search.index import AuditIndex, TooManyUsers
from trust.search.search import MOST, Found, Page, look_up, search

OUTCOMES: Final = {"success": 0, "warning": 4, "refused": 8, "failed": 12}

_EXAMPLES: Final = """\
examples:
  xdsnode audit search --patient 4711                      every access to this patient, newest first
  xdsnode audit search --user schmidt --since 2026-03-01   what somebody did; a part of the name is enough
  xdsnode audit search --document 1.2.3.4                  who touched this document
  xdsnode audit search --community urn:oid:2.999.7 --outcome refused
  xdsnode audit search --incident urn:uuid:…               an incident id from an answer, or a message id
  xdsnode audit search --patient 4711 --before 2026/137    the next page

Times are UTC: 2026, 2026-03, 2026-03-01, 2026-03-01T10:15Z; --until includes what it names."""


def run_search(folder: Path, words: Sequence[str]) -> int:
    """Print one page of entries, after the search is itself on record."""
    args = _search_parser().parse_args(words)
    config = load(folder)
    patient = patient_of(config, args.patient) if args.patient is not None else ""
    criteria = _criteria(args, subject(patient))
    if not 1 <= args.limit <= MOST:
        raise misused("audit.limit", "--limit", f"a page has 1 to {MOST} entries", "take more pages: --before")
    index = AuditIndex(config.folder.audit_index, config.folder.database)
    try:
        page = search(index, config.folder.database, criteria, limit=args.limit, before=args.before, scan=args.no_index)
    except (LookupError, TooManyUsers) as wrong:
        raise misused("audit.search", "audit search", str(wrong), "xdsnode audit search --help") from None
    except (OSError, sqlite3.Error) as problem:
        step = "see to disk space and the disk's health; --no-index searches without the index"
        raise refused("audit.index", str(index.path), str(problem), step) from problem
    _put_on_record(config, "audit search", patient, _search_details(args, criteria, page))
    names = institutions(config)
    told = [hdn_verify.describe(one.record, "en", names, config.node.name) for one in page.entries]
    if args.json:
        entries = [_as_json(one, words) for one, words in zip(page.entries, told, strict=True)]
        console.emit({"entries": entries, "more": page.more, "log_size": page.size, "erased": page.erased})
    else:
        _print(page, told, config.node.name)
    return Exit.DONE


def _search_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xdsnode audit search",
        description="Find entries of the audit log, newest first. Everything that is given must hold.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_dir(parser)
    parser.add_argument("--patient", metavar="ID", help="patient, e.g. 4711 or '4711^^^&2.999.1&ISO'")
    parser.add_argument("--user", action="append", default=[], help="a part of name, id or address of who took part")
    parser.add_argument("--document", default="", metavar="ID", help="uniqueId of a document or submission set")
    parser.add_argument("--community", default="", metavar="HOME", help="homeCommunityId of another institution")
    parser.add_argument("--since", default="", metavar="TIME", help="not before this day or time, UTC")
    parser.add_argument("--until", default="", metavar="TIME", help="not after this day or time, UTC")
    parser.add_argument("--outcome", choices=OUTCOMES, help="how it ended")
    parser.add_argument("--transaction", default="", metavar="CODE", help="ITI-18, or an event code such as 110126")
    parser.add_argument("--incident", default="", metavar="ID", help="incident id, or message id of an exchange")
    parser.add_argument("--limit", type=int, default=50, help=f"entries of a page, at most {MOST}; default 50")
    parser.add_argument("--before", default="", metavar="ENTRY", help="continue below this entry: year/index")
    parser.add_argument("--no-index", action="store_true", help="look through the whole log: slow, trusts no index")
    add_json(parser, "the page")
    return parser


def _criteria(args: argparse.Namespace, patient: str) -> Criteria:
    try:
        since, until = period(args.since)[0] if args.since else "", period(args.until)[1] if args.until else ""
    except (ValueError, OverflowError) as wrong:
        raise misused("audit.time", "--since, --until", str(wrong), "xdsnode audit search --help") from None
    home = args.community
    return Criteria(
        patient=patient,
        users=tuple(args.user),
        document=args.document,
        community=f"urn:oid:{home}" if home and not home.startswith("urn:oid:") else home,
        since=since,
        until=until,
        outcome=OUTCOMES.get(args.outcome),
        events=(args.transaction,) if args.transaction else (),
        incident=args.incident,
    )


def _search_details(args: argparse.Namespace, criteria: Criteria, page: Page) -> dict[str, str]:
    """What the record of the search says: enough to run it again and see what was seen."""
    shown = [one.label for one in page.entries]
    words = criteria.words() | {"before": args.before, "limit": str(args.limit), "log size": str(page.size)}
    words["shown"] = f"{len(shown)}: {shown[0]} to {shown[-1]}" if shown else "0"
    return {key: value for key, value in words.items() if value}


def _put_on_record(config: Config, what: str, patient: str, details: Mapping[str, str]) -> None:
    execute(config, "audit used", {"what": what, "patient": patient, "details": dict(details)})


def patient_of(config: Config, text: str) -> str:
    """A patient as CX, from what was typed.

    Raises:
        Faults: it is no identifier; without one a search would be about everybody.
    """
    cx = patient_cx(text, config.node.assigning_authority)
    if not subject(cx):
        raise misused("audit.patient", text, "this is no patient identifier", "write ID, or 'ID^^^&OID&ISO'")
    return cx


def _print(page: Page, told: Sequence[Told], own: str) -> None:
    headings = ("entry", "time (UTC)", "who", "what", "patient", "reason", "outcome")
    console.table([_row(*both, own) for both in zip(page.entries, told, strict=True)], headings)
    if page.erased:
        console.note(f"{page.erased} entries were passed over because their records were erased")
    if page.more:
        console.note(f"there is more; the next page: --before {page.entries[-1].label}")
    elif not page.entries:
        console.note(f"nothing found in the {page.size} entries of the log")


def _row(found: Found, told: Told, own: str) -> tuple[str, ...]:
    place_ = f", {told.institution}" if told.institution not in (told.who, own) else ""
    documents = f" ({len(told.documents)} documents)" if told.documents else ""
    detail = f": {told.detail}" if told.detail else ""
    return (
        found.label,
        told.time.replace("T", " ")[:19],
        f"{told.who} [{told.role}{place_}]",
        f"{told.what}{documents}",
        found.record["subject"].partition("|")[2] or "-",
        told.purpose,
        f"{told.outcome}{detail}",
    )


def _as_json(found: Found, told: Told) -> dict[str, Any]:
    words = {key: value for key, value in asdict(told).items() if key != "tone"}
    return {"entry": found.label, "origin": found.origin, "index": found.index, **words, "record": found.record}


def run_explain(folder: Path, words: Sequence[str]) -> int:
    """One entry in plain words, and the proof that it is in the signed log."""
    parser = argparse.ArgumentParser(
        prog="xdsnode audit explain",
        description="One entry of the audit log in plain words, with its proof.",
        epilog="examples:\n  xdsnode audit explain 2026/137\n  xdsnode audit explain 2026/137 --fhir > event.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_dir(parser)
    parser.add_argument("entry", metavar="ENTRY", help="year/index as a search shows it, or an index of this year")
    add_json(parser, "the entry")
    parser.add_argument("--fhir", action="store_true", help="print it as a FHIR R4 AuditEvent instead")
    args = parser.parse_args(words)
    config = load(folder)
    try:
        found, salt = look_up(config.folder.database, args.entry)
    except LookupError as missing:
        raise misused("audit.entry", args.entry, str(missing), "xdsnode audit search lists entries") from None
    patient = found.record["event"].get("patient", "") if found.record["subject"] else ""
    _put_on_record(config, "audit explain", patient, {"shown": found.label})
    if args.fhir:
        console.emit(audit_event(found.record))
        return Exit.DONE
    told = hdn_verify.describe(found.record, "en", institutions(config), config.node.name)
    try:
        proof = proof_of(config, found, salt)
    except (OSError, ValueError, LedgerBroken) as problem:
        raise refused("audit.log", str(config.folder.audit), str(problem), "xdsnode audit verify") from problem
    if args.json:
        console.emit(_as_json(found, told) | {"salt": salt.hex(), "proof": proof})
        return Exit.DONE
    for name, value in _explained(found, told):
        console.out(f"{name:<14}{value}")
    console.out()
    for line in proof_in_words(found, proof):
        console.out(line)
    return Exit.DONE


def _explained(found: Found, told: Told) -> list[tuple[str, str]]:
    record = found.record
    event = record["event"]
    rows = [
        ("entry", f"{found.label} of {found.origin}"),
        ("when", f"{told.time} (what the node's clock said)"),
        ("who", f"{told.who}, {told.role}"),
        ("from", ", ".join(filter(None, (told.institution, told.address)))),
        ("what", told.what),
        ("reason given", told.purpose),
        ("outcome", f"{told.outcome}{f': {told.detail}' if told.detail else ''}"),
        ("patient", record["subject"]),
        *(("document", one) for one in told.documents),
        ("incident", event.get("incident") or event.get("note", {}).get("incident", "")),
        ("message", record["cid"]),
        ("transaction", " ".join(event.get("type", ())[::2]) or event.get("note", {}).get("transaction", "")),
        *((f"note {name}"[:13], value) for name, value in sorted(event.get("note", {}).items())),
    ]
    return [(name, value) for name, value in rows if value]


def run_reindex(folder: Path, words: Sequence[str]) -> int:
    """Make the index anew from the records."""
    parser = argparse.ArgumentParser(
        prog="xdsnode audit reindex",
        description="Throw the index of the audit log away and make it anew. The log itself is only read.",
    )
    add_dir(parser)
    parser.parse_args(words)
    config = load(folder)
    count = AuditIndex(config.folder.audit_index, config.folder.database).rebuild()
    console.note(f"{count} entries indexed in {config.folder.audit_index}")
    return Exit.DONE
