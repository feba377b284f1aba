"""How one community differs from the standards, as rows of data in its description, and the one place of their use.

A description (`peer add`, the directory of a federation) says `"quirks": {"documents_per_retrieve": 10}`. Nothing here
knows any community by name, and no row makes a check weaker: signatures with SHA-1, for example, are no quirk. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from node.exchange import Latitude
from node.soap.leniencies import EVERY, NAMES, ONLY_WHERE_REQUIRED
from registry.metadata.objects import Slot
from registry.queries.catalogue import is_patient_query

if TYPE_CHECKING:
    from registry.ebrim.messages import AdhocQuery
    from repository.messages import DocumentRequest
    from trust.community_details import Quirk

_MOST_DOCUMENTS: Final = 1000
_PREFIX: Final = "urn:uuid:"
_FIRST_TIME: Final = "19000101000000"
_SPARE: Final = timedelta(days=1)  # the other side's clock, and its time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What is done differently for one community; the defaults are what the standards say.

    `uuid_form`: entryUUIDs in queries are sent as they are, or `lower`, `upper`, or `bare` without `urn:uuid:`.
    `date_range`: a query for a patient's documents needs a range of `creation` times; one that leaves nothing out is
    added where the query has none. `retrieve_packaging`: an ITI-39 request leaves as `mtom` or as simple `soap`.
    `exchange`: its answers come `asynchronous`, on a connection of their own (WS-Addressing), or `deferred`: the same,
    with the messages that ITI-55 has for it; else `synchronous`. `refused_leniencies`: deviations that are tolerated of
    others and not of it, by name (`soap.leniencies`), or `all`; `required_leniencies`: those that are tolerated of it
    and not of others.
    """

    documents_per_retrieve: int = _MOST_DOCUMENTS
    uuid_form: str = ""
    date_range: str = ""
    retrieve_packaging: str = "mtom"
    exchange: str = "synchronous"
    refused_leniencies: tuple[str, ...] = ()
    required_leniencies: tuple[str, ...] = ()

    @property
    def latitude(self) -> Latitude:
        """What is tolerated of it otherwise than of others."""
        return Latitude(refused=self.refused_leniencies, required=self.required_leniencies)


@dataclass(frozen=True, slots=True)
class _Row:
    meaning: str
    good: Callable[[object], bool]


def _one_of(*words: str) -> Callable[[object], bool]:
    return lambda value: value in words


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_DOCUMENTS


def _names(value: object) -> tuple[str, ...]:
    """A list, or one text with commas, as an administrator writes it."""
    return tuple(map(str, value)) if isinstance(value, tuple) else tuple(part.strip() for part in str(value).split(","))


def _are_leniencies(value: object) -> bool:
    return isinstance(value, tuple | str) and all(one == EVERY or one in NAMES for one in _names(value))


def _can_be_required(value: object) -> bool:
    return isinstance(value, tuple | str) and all(one in ONLY_WHERE_REQUIRED for one in _names(value))


EXCHANGES: Final = ("synchronous", "asynchronous", "deferred")
ROWS: Final[Mapping[str, _Row]] = {
    "documents_per_retrieve": _Row(f"most documents in one ITI-39 request, 1 to {_MOST_DOCUMENTS}", _count),
    "uuid_form": _Row("entryUUIDs in queries: lower, upper or bare", _one_of("lower", "upper", "bare")),
    "date_range": _Row("a query by patient needs a range of times: creation", _one_of("creation")),
    "retrieve_packaging": _Row("how an ITI-39 request is packaged: mtom or soap", _one_of("mtom", "soap")),
    "refused_leniencies": _Row(f"deviations not tolerated of it: {EVERY}, or {', '.join(NAMES)}", _are_leniencies),
    "required_leniencies": _Row(
        f"deviations tolerated of it alone: {', '.join(sorted(ONLY_WHERE_REQUIRED))}", _can_be_required
    ),
    "exchange": _Row("how answers come: synchronous, asynchronous or deferred", _one_of(*EXCHANGES)),
}
STANDARD: Final = Quirks()


def faults(given: Mapping[str, Quirk]) -> Iterator[str]:
    """What is wrong with the quirks of a description: for `peer add`, which refuses them."""
    for key, value in given.items():
        row = ROWS.get(key)
        if row is None:
            yield f"quirks: this version knows no {key}; it knows {', '.join(ROWS)}"
        elif not row.good(value):
            yield f"quirks: {key} is {row.meaning}"


def read(given: Mapping[str, Quirk]) -> Quirks:
    """The quirks of a description; what this version does not know, or cannot be, is as the standards say."""
    if not given:
        return STANDARD
    known = {key: value for key, value in given.items() if key in ROWS and ROWS[key].good(value)}
    for key in ("refused_leniencies", "required_leniencies"):
        if key in known:
            known[key] = _names(known[key])
    return Quirks(**known)  # type: ignore[arg-type]  # each row has seen its value


def asked(query: AdhocQuery, quirks: Quirks, now: datetime) -> AdhocQuery:
    """The query as this community understands it; what it finds is the same."""
    if quirks.uuid_form:
        query = replace(query, slots=tuple(_with_uuids(one, quirks.uuid_form) for one in query.slots))
    names = {one.name for one in query.slots}
    first, last = "$XDSDocumentEntryCreationTimeFrom", "$XDSDocumentEntryCreationTimeTo"
    if quirks.date_range and is_patient_query(query.query_id) and "$XDSDocumentEntryPatientId" in names:
        missing = [
            Slot(name=name, values=(value,))
            for name, value in ((first, _FIRST_TIME), (last, f"{now + _SPARE:%Y%m%d%H%M%S}"))
            if name not in names
        ]
        query = replace(query, slots=(*query.slots, *missing))
    return query


def portions(requests: Sequence[DocumentRequest], quirks: Quirks) -> list[Sequence[DocumentRequest]]:
    """What is asked in one request each."""
    most = quirks.documents_per_retrieve
    return [requests[begin : begin + most] for begin in range(0, len(requests), most)]


def _with_uuids(one: Slot, form: str) -> Slot:
    if not one.name.endswith("UUID"):
        return one
    return replace(one, values=tuple(_FORMS[form](value) for value in one.values))


def _upper(text: str) -> str:
    return text.upper().replace(_PREFIX.upper(), _PREFIX)


def _bare(text: str) -> str:
    return text.replace(_PREFIX, "")


_FORMS: Final[Mapping[str, Callable[[str], str]]] = {"lower": str.lower, "upper": _upper, "bare": _bare}
