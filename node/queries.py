"""What ITI-18 and ITI-38 share: the request, the result, its encoding and its audit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from lxml import etree

from node.bindings import AuditFact, Tolerant
from node.http.overriding import override
from node.records import query_object
from registry.ebrim.messages import FAILURE, AdhocQuery, adhoc_query_response
from registry.ebrim.tolerances import Tolerance
from registry.errors import RegistryError
from registry.queries.catalogue import patient_of
from registry.queries.tolerances import with_required


@dataclass(frozen=True, slots=True)
class QueryRequest(Tolerant):
    """A stored query and the element it stood in (the audit record keeps it as asked)."""

    query: AdhocQuery
    element: etree._Element

    @property
    @override
    def tolerated(self) -> frozenset[Tolerance]:
        """How the query deviates."""
        return self.query.tolerated

    @override
    def with_required(self, required: Collection[str]) -> QueryRequest:
        """The same, of an asker of whom these deviations are taken too."""
        return replace(self, query=with_required(self.query, required))


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Objects ready to be spliced, with the status they leave under."""

    status: str
    objects: Sequence[bytes]
    errors: tuple[RegistryError, ...] = ()
    documents: tuple[()] = ()
    patients: tuple[str, ...] = ()  # of the objects, where the query may span several


def encode(result: QueryResult) -> bytes:
    """Write query:AdhocQueryResponse."""
    return adhoc_query_response(result.status, result.errors, result.objects)


def encode_errors(errors: Sequence[RegistryError]) -> bytes:
    """Write the Failure answer of a query: errors and no objects."""
    return adhoc_query_response(FAILURE, errors, ())


def query_fact(
    transaction: str, name: str, request: QueryRequest, result: QueryResult | None, *, home: str | None = None
) -> AuditFact:
    """The audit record of one query; `home` is the community that was asked where the query does not name it."""
    query = request.query
    return AuditFact(
        patient=patient_of(query),
        objects=(
            query_object(
                transaction, name, query.query_id, etree.tostring(request.element, with_tail=False), query.home or home
            ),
        ),
        errors=result.errors if result else (),
    )
