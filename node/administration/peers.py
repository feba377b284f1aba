"""Connected institutions: `peer add|list|show|decide|remove`. A certificate counts once it was compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

from node.administration.orders import Order, Result, node_object
from node.client.institutions import meant
from node.faults import refused
from node.federation import quirks
from node.witness.forks import CONTINUE, STOP
from trust.audit.event import NewRecord
from trust.communities import AUDIT_PROOFS, Community, read_export
from trust.community_details import Quirk
from trust.community_store import Communities
from trust.errors import BadCertificate
from trust.ledger import witness_store
from trust.pki.bindings import CLEARANCES
from trust.pki.certificates import days_left, from_pem, read_fingerprint


async def add(order: Order) -> Result:
    """Connect an institution by what its `endpoints --export` wrote, or take a new description of a connected one.

    What was decided here about a connected one (clearance, receipts, quirks) stays, but for what is given anew.
    """
    node = order.services.config.node
    now = order.services.clock()
    community = read_export(
        order.text("export"),
        now=now,
        own_home=node.home_community_id,
        development=node.development,
        permitted=order.services.config.federation.permitted_hosts,
    )
    try:
        compared = read_fingerprint(order.text("fingerprint"))
    except BadCertificate as problem:
        step = "give all that the other administrator read out; blanks, colons and capitals do not matter"
        raise refused("peer.fingerprint", order.text("fingerprint"), str(problem), step) from problem
    if compared != community.fingerprint:
        step = "ask the other administrator for the file again and compare once more; do not connect"
        cause = f"the certificate in the file has the fingerprint {community.fingerprint}"
        raise refused("peer.fingerprint", order.text("fingerprint"), cause, step)
    known = order.services.communities.get(community.home)
    if known and known.federation:
        cause = f"{community.name} is connected by the directory of the federation"
        raise refused("peer.of-directory", community.home, cause, "nothing has to be added: xdsnode peer show")
    if known and not order.flag("replace"):
        step = "to take its new certificate or addresses: xdsnode peer add FILE --replace"
        raise refused("peer.exists", community.home, f"{community.name} is connected already", step)
    clearance = order.text("clearance", known.clearance if known else "N")
    if clearance not in CLEARANCES:
        raise refused("peer.clearance", clearance, "this is no confidentiality code", "U, L, M, N, R or V")
    audit_proof = _audit_proof(order, community, known.audit_proof if known else "optional")
    rows = _quirks(order, community, known.quirks if known else {})
    community = replace(community, clearance=clearance, audit_proof=audit_proof, quirks=rows)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        if known:
            Communities.replace(connection, community, now, keep_previous=not order.flag("revoke_previous"))
        else:
            Communities.add(connection, community, now)
        what = "peer replaced" if known else "peer added"
        what += f", clearance {clearance}, audit proof {audit_proof}"
        return None, [order.security_record(what, node_object(community.name, community.fingerprint))]

    await order.change(work)
    order.services.membership.applied()
    return _shown(order, community)


def _quirks(order: Order, community: Community, kept: Mapping[str, Quirk]) -> Mapping[str, Quirk]:
    """Those kept, over them those of its file, and over these what the administrator gives (`--quirk NAME=VALUE`).

    `NAME=` without a value takes one away.
    """
    given: dict[str, Quirk] = {}
    ended: set[str] = set()
    for text in order.arguments.get("quirks", ()):
        name, equals, value = (part.strip() for part in str(text).partition("="))
        if equals and not value and name in quirks.ROWS:
            ended.add(name)
        else:
            given[name] = int(value) if value.isascii() and value.isdigit() else value
    # A newer node's file may have rows that are not known here; what an administrator writes must be right.
    filed = {name: value for name, value in community.quirks.items() if name in quirks.ROWS}
    wrong = list(quirks.faults({**filed, **given}))
    if wrong:
        raise refused("peer.quirk", community.home, "; ".join(wrong), "correct the file, or what --quirk says")
    return {name: value for name, value in {**kept, **community.quirks, **given}.items() if name not in ended}


def _audit_proof(order: Order, community: Community, kept: str) -> str:
    wanted = order.text("audit_proof", kept)
    if wanted not in AUDIT_PROOFS:
        raise refused("peer.audit-proof", wanted, "there is no such choice", " or ".join(AUDIT_PROOFS))
    if wanted == "required" and community.audit is None:
        cause = "its file names no audit log, so it can give no receipts"
        step = "ask the other administrator for a new export of a node that has one, or say --audit-proof optional"
        raise refused("peer.audit-proof", community.home, cause, step)
    return wanted


async def find_all(order: Order) -> Result:
    """Every connected institution."""
    return {"peers": [_shown(order, community) for community in order.services.communities.all()]}


async def show(order: Order) -> Result:
    """One connected institution, with its addresses."""
    community = meant(order.services.communities.all(), order.text("peer"))
    audit_log = community.audit.log if community.audit else ""
    return {**_shown(order, community), "endpoints": dict(community.endpoints), "audit_log": audit_log}


async def decide(order: Order) -> Result:
    """Write down what a person decided about an institution whose audit log has forked: go on with it, or stop."""
    community = meant(order.services.communities.all(), order.text("peer"))
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
    community = meant(order.services.communities.all(), order.text("peer"))
    if community.federation:
        cause = f"{community.name} is connected by the directory of the federation"
        step = "xdsnode federation remove at the node that signs; or leave: xdsnode federation leave"
        raise refused("peer.of-directory", community.home, cause, step)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        Communities.remove(connection, community.home)
        found = node_object(community.name, community.fingerprint)
        return None, [order.security_record("peer removed", found)]

    await order.change(work)
    order.services.membership.applied()
    return _shown(order, community)


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
        "quirks": dict(community.quirks),
        "shared_patients": community.assigning_authority == order.services.config.node.assigning_authority,
        "previous_certificate": bool(community.previous),
        "witness": community.audit is not None and community.audit.witness is not None,
        "audit_fork": fork.text if fork else "",
        "decision": fork.decision if fork else "",
    }
