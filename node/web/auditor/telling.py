"""What every page of the auditor needs: looking is on record, entries in words, files to hand over."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Final

from aiohttp import web

from node.security_records import audit_log_used
from node.web.frame import SECURITY
from node.web.language import CHINESE
from trust.ledger.hdn_verify import Told, describe

if TYPE_CHECKING:
    from node.web.view import View
    from trust.audit.event import NewRecord
    from trust.search.search import Found

_CHUNK: Final = 256 * 1024
_LAUNCHER: Final = "110151"  # who gives commands on the machine
_LOG_USED: Final = "110101"
_NAMED: Final = re.compile(r" <[^<>]*>$")
_KEPT: Final = 20  # searches and tasks of one session
# The tones of hdn_verify as badges: never by colour alone.
SIGNS: Final = {"ok": "✓", "warn": "!", "deny": "⊘", "bad": "✕", "off": "…"}


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as a page shows it."""

    label: str
    told: Told
    patient: str  # number, for people
    kind: str  # "person", "system", or "log" for somebody who read the audit log

    @property
    def machine(self) -> bool:
        """Whether no person did it."""
        return self.kind == "system"

    @property
    def path(self) -> str:
        """Where the entry's own page is."""
        return f"/audit/entries/{self.label}"


def used(view: View, what: str, details: Mapping[str, str], patient: str = "") -> NewRecord:
    """The record of looking at the log; `patient` is a CX."""
    return audit_log_used(
        view.desk.services.clock(),
        node=view.desk.home,
        user=f"<{view.signed_in.user}@{view.desk.home}>",
        what=what,
        patient=patient,
        details=details,
        address=view.address,
        incident=view.desk.services.new_uuid(),
    )


def line(view: View, found: Found, names: Mapping[str, str]) -> Line:
    """An entry in the reader's language; people by their names alone, the identifier stands on the entry's page."""
    language = "zh" if view.language == CHINESE else "en"
    told = describe(found.record, language, names, view.desk.name)
    event = found.record["event"]
    asking = [one for one in event.get("participants", ()) if one["requestor"]]
    human = any(one["user"].startswith("<") or one.get("role", ("",))[0] == _LAUNCHER for one in asking)
    kind = "log" if event.get("id", ("",))[0] == _LOG_USED else "person" if human else "system"
    role = view.words("auditor") if kind == "log" and told.who.startswith("<") else told.role
    told = replace(told, who=_name(told.who), role=role)
    return Line(found.label, told, found.record["subject"].partition("|")[2], kind)


def _name(who: str) -> str:
    """`Dr. Roth <roth@idp>` as the name, `<roth@idp>` as what stands before the issuer."""
    return ", ".join(
        _NAMED.sub("", one) if not one.startswith("<") else one[1:].partition("@")[0] for one in who.split(", ")
    )


def cx_of(subject: str) -> str:
    """A subject of the log as CX, "" for none."""
    authority, _, id_ = subject.partition("|")
    return f"{id_}^^^&{authority}&ISO" if id_ else ""


def keep(kept: dict[str, object], value: object) -> str:
    """Keep something for this session under a name that tells nothing; the oldest makes room."""
    name = secrets.token_urlsafe(9)
    kept[name] = value
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]
    return name


def gone(view: View) -> web.Response:
    """A search or a task that this session does not have any more."""
    cause = view.words("This session does not keep that search or task any more.")
    return view.problem(404, "AUD-02", cause, view.words("Begin it again."))


async def download(view: View, name: str, file: BinaryIO, content_type: str) -> web.StreamResponse:
    """A file to hand over, piece by piece; it is closed at the end."""
    headers = {**SECURITY, "Content-Disposition": f'attachment; filename="{name}"', "Content-Type": content_type}
    response = web.StreamResponse(headers=headers)
    file.seek(0, 2)
    response.content_length = file.tell()
    file.seek(0)
    await response.prepare(view.request)
    with file:
        while chunk := file.read(_CHUNK):
            await response.write(chunk)
    await response.write_eof()
    return response
