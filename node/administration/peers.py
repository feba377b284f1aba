"""Connected institutions: `peer add|list|show|test|decide|remove`. A certificate counts once it was compared."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from node.administration.assertions import for_operator
from node.administration.orders import Order, Result, node_object
from node.exchange import Exchange
from node.faults import refused
from node.federation.gateway import Answered
from node.witness.forks import CONTINUE, STOP
from registry.ebrim.messages import OBJECT_REF, AdhocQuery
from registry.errors import ErrorCode
from registry.metadata.objects import APPROVED, Slot
from registry.queries.catalogue import FIND_DOCUMENTS
from trust.audit.event import NewRecord
from trust.communities import AUDIT_PROOFS, Community, read_export
from trust.community_store import Communities
from trust.errors import BadCertificate
from trust.identity.caller import Caller, Role
from trust.ledger import witness_store
from trust.pki.bindings import CLEARANCES
from trust.pki.certificates import days_left, from_pem, read_fingerprint

log = logging.getLogger("node.administration")

_QUERY_STEP = "ask its administrator what the log there says about this time"
_QUERY_STEPS = {
    "refused": "it does not know this node: its administrator adds what `xdsnode endpoints --export` writes here",
    "gave no answer within the deadline": "is it overloaded? does something between hold answers back?",
}


async def add(order: Order) -> Result:
    """Connect an institution by what its `endpoints --export` wrote, or take a new description of a connected one."""
    node = order.services.config.node
    now = order.services.clock()
    community = read_export(
        order.text("export"),
        now=now,
        own_home=node.home_community_id,
        development=node.development,
        permitted=order.services.config.federation.permitted_hosts,
    )
    if read_fingerprint(order.text("fingerprint")) != community.fingerprint:
        step = "ask the other administrator for the file again and compare once more; do not connect"
        cause = f"the certificate in the file has the fingerprint {community.fingerprint}"
        raise refused("peer.fingerprint", order.text("fingerprint"), cause, step)
    clearance = order.text("clearance", "N")
    if clearance not in CLEARANCES:
        raise refused("peer.clearance", clearance, "this is no confidentiality code", "U, L, M, N, R or V")
    audit_proof = _audit_proof(order, community)
    community = replace(community, clearance=clearance, audit_proof=audit_proof)
    known = order.services.communities.get(community.home) is not None
    if known and not order.flag("replace"):
        step = "to take its new certificate or addresses: xdsnode peer add FILE --replace"
        raise refused("peer.exists", community.home, f"{community.name} is connected already", step)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        if known:
            Communities.replace(connection, community, now, keep_previous=not order.flag("revoke_previous"))
        else:
            Communities.add(connection, community, now)
        what = "peer replaced" if known else "peer added"
        what += f", clearance {clearance}, audit proof {audit_proof}"
        return None, [order.security_record(what, node_object(community.name, community.fingerprint))]

    await order.change(work)
    _reload(order)
    return _shown(order, community)


def _audit_proof(order: Order, community: Community) -> str:
    wanted = order.text("audit_proof", "optional")
    if wanted not in AUDIT_PROOFS:
        raise refused("peer.audit-proof", wanted, "there is no such choice", " or ".join(AUDIT_PROOFS))
    if wanted == "required" and community.audit is None:
        cause = "its file names no audit log, so it can give no receipts"
        step = "ask the other administrator for a new export of a node that has one, or leave --audit-proof out"
        raise refused("peer.audit-proof", community.home, cause, step)
    return wanted


async def find_all(order: Order) -> Result:
    """Every connected institution."""
    return {"peers": [_shown(order, community) for community in order.services.communities.all()]}


async def show(order: Order) -> Result:
    """One connected institution, with its addresses."""
    community = _named(order)
    audit_log = community.audit.log if community.audit else ""
    return {**_shown(order, community), "endpoints": dict(community.endpoints), "audit_log": audit_log}


async def test(order: Order) -> Result:
    """Ask an institution for the documents of a patient that cannot exist: one real ITI-38, on record as any other."""
    community = _named(order)
    services = order.services
    exchange = Exchange(
        actors=services.actors,
        caller=Caller(role=Role.OPERATOR, name=order.operator, fingerprint="", address=""),
        message_id=services.new_uuid(),
        endpoint=services.config.base_url,
        now=services.clock(),
        deadline=asyncio.get_running_loop().time() + services.config.federation.deadline,
        incident=services.new_uuid(),
        assertion=b"" if services.config.xua.peers == "off" else for_operator(order),
    )
    nobody = f"{services.new_uuid().rpartition(':')[2]}^^^&{services.config.node.assigning_authority}&ISO"
    query = AdhocQuery(
        FIND_DOCUMENTS.id,
        OBJECT_REF,
        None,
        (
            Slot(name="$XDSDocumentEntryPatientId", values=(f"'{nobody}'",)),
            Slot(name="$XDSDocumentEntryStatus", values=(f"('{APPROVED}')",)),
        ),
    )
    (outcome,) = await services.actors.gateway.query(query, [community], exchange)
    tested = order.security_record("peer tested", node_object(community.name, community.fingerprint))
    await order.record([*exchange.records, tested])
    what, step = _judged(outcome)
    return {"good": not step, "what": f"query ITI-38: {what}", "next_step": step}


def _judged(outcome: Answered) -> tuple[str, str]:
    """What came of the query, and the next step; none when it is well."""
    wrong = [error for error in outcome.query.head.errors if error.code != ErrorCode.UNKNOWN_PATIENT_ID]
    if outcome.error is not None:
        return outcome.error.context, _QUERY_STEPS.get(outcome.reason, _QUERY_STEP)
    if wrong:
        return f"{wrong[0].code} {wrong[0].context}", "its administrator finds the incident id in the log there"
    if outcome.query.objects:
        return (
            f"{len(outcome.query.objects)} documents of a patient that cannot exist",
            "do not work with this institution before its administrator has explained that",
        )
    return "answered, as for a patient nobody knows", ""


async def decide(order: Order) -> Result:
    """Write down what a person decided about an institution whose audit log has forked: go on with it, or stop."""
    community = _named(order)
    services = order.services
    fork = services.witnessing.forks.by_home.get(community.home)
    verdict, reason = order.text("decision"), order.text("reason").strip()
    if fork is None:
        raise refused("peer.not-forked", community.name, "its audit log has not forked", "nothing has to be decided")
    if verdict not in (CONTINUE, STOP) or not reason:
        step = f'xdsnode peer decide "{community.name}" continue|stop --reason TEXT'
        raise refused("peer.decision", verdict, "a decision is continue or stop, with its reason", step)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        witness_store.decide(connection, fork.origin, f"{verdict}: {reason}")
        what = f"audit log of peer forked: {verdict}, {reason}"
        return None, [order.security_record(what, node_object(community.name, community.fingerprint))]

    await order.change(work)
    services.witnessing.reload_forks()
    return _shown(order, community)


async def remove(order: Order) -> Result:
    """Disconnect an institution: it is neither asked nor answered any more, at once."""
    community = _named(order)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        Communities.remove(connection, community.home)
        found = node_object(community.name, community.fingerprint)
        return None, [order.security_record("peer removed", found)]

    await order.change(work)
    _reload(order)
    return _shown(order, community)


def _named(order: Order) -> Community:
    """The community with this homeCommunityId or this name.

    Raises:
        Faults: there is none, or there are several of this name.
    """
    wanted = order.text("peer")
    homes = {wanted, f"urn:oid:{wanted}"}
    found = [one for one in order.services.communities.all() if one.home in homes or one.name == wanted]
    if len(found) != 1:
        cause = "several connected institutions have this name" if found else "no connected institution has this name"
        raise refused("peer.unknown", wanted, cause, "give its homeCommunityId: xdsnode peer list")
    return found[0]


def _reload(order: Order) -> None:
    """Let a running node act on the change with the next request."""
    services = order.services
    services.bindings.reload(services.reader)
    services.communities.reload(services.reader)
    services.users.reload()
    services.witnessing.reload_forks()
    services.witnessing.server.news.set()  # witnesses and quorum have changed
    if services.tls is not None:
        try:
            services.tls.reload(services.communities.pins())
        except BadCertificate as problem:
            log.warning("certificates could not be reloaded", extra={"reason": str(problem)})


def _shown(order: Order, community: Community) -> Result:
    leaf = from_pem(community.certificates)[0]
    fork = order.services.witnessing.forks.by_home.get(community.home)
    return {
        "name": community.name,
        "home_community_id": community.home,
        "clearance": community.clearance,
        "audit_proof": community.audit_proof,
        "fingerprint": community.fingerprint,
        "certificate_days": days_left(leaf, order.services.clock()),
        "repository_unique_ids": list(community.repository_unique_ids),
        "assigning_authority": community.assigning_authority,
        "assertion_issuers": [one.issuer for one in community.assertions],
        "shared_patients": community.assigning_authority == order.services.config.node.assigning_authority,
        "previous_certificate": bool(community.previous),
        "witness": community.audit is not None and community.audit.witness is not None,
        "audit_fork": fork.text if fork else "",
        "decision": fork.decision if fork else "",
    }
