"""ebRS messages as this node writes them: queries and submissions asked of others, and the answers it gives.

Source: ITI TF-3: 4.2.4 (RegistryResponse, RegistryErrorList), ITI TF-2: 3.18.4 (AdhocQuery), 3.42.4 (SubmitObjects).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry.ebrim.tolerances import Tolerance
from registry.ebrim.vocabulary import LCM, QUERY, RIM, RS
from registry.ebrim.writer import escape, render, slot
from registry.errors import RegistryError, Severity
from registry.metadata.objects import Slot
from registry.metadata.submission import Submission

SUCCESS: Final = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE: Final = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
PARTIAL_SUCCESS: Final = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"

LEAF_CLASS: Final = "LeafClass"
OBJECT_REF: Final = "ObjectRef"


@dataclass(frozen=True, slots=True)
class AdhocQuery:
    """One stored query as it was asked; a slot that is repeated stands here as often.

    `tolerated`: how its message deviated.
    """

    query_id: str
    return_type: str
    home: str | None
    slots: tuple[Slot, ...] = ()
    tolerated: frozenset[Tolerance] = field(default=frozenset(), compare=False)


def adhoc_query_request(query: AdhocQuery) -> bytes:
    """Write query:AdhocQueryRequest."""
    home = f' home="{escape(query.home)}"' if query.home else ""
    return (
        f'<query:AdhocQueryRequest xmlns:query="{QUERY}" xmlns:rim="{RIM}">'
        f'<query:ResponseOption returnComposedObjects="true" returnType="{escape(query.return_type)}"/>'
        f'<rim:AdhocQuery id="{escape(query.query_id)}"{home}>'
        f"{''.join([slot(item.name, item.values) for item in query.slots])}"
        "</rim:AdhocQuery></query:AdhocQueryRequest>"
    ).encode()


def filter_query(query: AdhocQuery) -> bytes:
    """Write a rim:AdhocQuery that stands alone, as the filter of a subscription does (ITI TF-2: 3.52.5.2)."""
    slots = "".join([slot(item.name, item.values) for item in query.slots])
    return f'<rim:AdhocQuery xmlns:rim="{RIM}" id="{escape(query.query_id)}">{slots}</rim:AdhocQuery>'.encode()


def submit_objects_request(submission: Submission) -> bytes:
    """Write lcm:SubmitObjectsRequest."""
    head = f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:RegistryObjectList>'.encode()
    objects = b"".join([render(item) for item in submission.objects()])
    return head + objects + b"</rim:RegistryObjectList></lcm:SubmitObjectsRequest>"


def registry_response(errors: Sequence[RegistryError] = (), *, status: str | None = None) -> bytes:
    """Write rs:RegistryResponse. Without a given status: Failure when there is an error, Success else.

    Warnings alone are a Success (ITI TF-3: 4.2.4.2).
    """
    if status is None:
        failed = any(error.severity != Severity.WARNING for error in errors)
        status = FAILURE if failed else SUCCESS
    start = f'<rs:RegistryResponse xmlns:rs="{RS}" status="{escape(status)}"'
    if not errors:
        return f"{start}/>".encode()
    return f"{start}>{_error_list(errors)}</rs:RegistryResponse>".encode()


_QUERY_RESPONSE: Final = f'<query:AdhocQueryResponse xmlns:query="{QUERY}" xmlns:rs="{RS}" xmlns:rim="{RIM}" status="'


def adhoc_query_response(status: str, errors: Sequence[RegistryError], fragments: Iterable[bytes]) -> bytes:
    """Write query:AdhocQueryResponse around finished objects.

    The RegistryErrorList comes before the RegistryObjectList, which query.xsd demands also when it is empty.
    """
    head = f'{_QUERY_RESPONSE}{escape(status)}">{_error_list(errors)}<rim:RegistryObjectList>'
    return b"".join([head.encode(), *fragments, b"</rim:RegistryObjectList></query:AdhocQueryResponse>"])


def _error_list(errors: Sequence[RegistryError]) -> str:
    if not errors:
        return ""
    highest = Severity.ERROR if any(error.severity != Severity.WARNING for error in errors) else Severity.WARNING
    rows = [
        f'<rs:RegistryError errorCode="{escape(error.code)}" codeContext="{escape(error.context)}" '
        f'severity="{error.severity}"' + (f' location="{escape(error.location)}"/>' if error.location else "/>")
        for error in errors
    ]
    return f'<rs:RegistryErrorList highestSeverity="{highest}">{"".join(rows)}</rs:RegistryErrorList>'
