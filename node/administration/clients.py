"""Certificates of local applications and operators: `client add | list | revoke`, and the own client at `init`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from node.administration.orders import Order, Result, node_object
from node.faults import refused
from trust.audit.event import NewRecord
from trust.errors import BadCertificate
from trust.identity.caller import Role
from trust.pki.bindings import EVERYTHING, Binding, Bindings, timestamp
from trust.pki.certificates import Usage, check_peer_certificate, fingerprint_of, from_pem, read_fingerprint

_ROLES = {"application": Role.APPLICATION, "operator": Role.OPERATOR, "auditor": Role.AUDITOR}


async def made(order: Order) -> Result:
    """The first record of a new node: its own client's certificate.

    In development it is an application that is also bound to a test community, so that conformance tools can call
    the transactions of peers with it (interfaces: Who may call what).
    """
    if not order.services.config.node.development:
        return await _add(order, Role.OPERATOR)
    home = f"urn:oid:2.25.{int(order.services.new_uuid().rpartition(':')[2].replace('-', ''), 16)}"
    return await _add(order, Role.APPLICATION, home=home, clearance=EVERYTHING, test_community=True)


async def add(order: Order) -> Result:
    """Let an application or an operator in, by its certificate."""
    role = _ROLES.get(order.text("role", "application"))
    if role is None:
        step = f"--role {' or '.join(_ROLES)}; another institution is added with: xdsnode peer add"
        raise refused("client.role", order.text("role"), "a client cannot have this role", step)
    return await _add(order, role)


async def find_all(order: Order) -> Result:
    """Every client, revoked ones too."""
    rows = [one for one in order.services.bindings.all() if one.role is not Role.PEER]
    return {"clients": [_shown(one) for one in rows]}


async def revoke(order: Order) -> Result:
    """Withdraw every certificate in force of a client, by name or fingerprint; it acts on the next request."""
    wanted = order.text("name")
    found = [
        one
        for one in order.services.bindings.all()
        if one.role is not Role.PEER and not one.revoked and (one.name == wanted or _is_fingerprint(one, wanted))
    ]
    if not found:
        step = "xdsnode client list; a connected institution is taken away with: xdsnode peer remove"
        raise refused("client.unknown", wanted, "no client in force has this name or fingerprint", step)

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        for one in found:
            Bindings.revoke(connection, one.fingerprint, order.services.clock())
        return None, [order.security_record("client revoked", node_object(one.name, one.fingerprint)) for one in found]

    await order.change(work)
    order.services.bindings.reload(order.services.reader)
    return {"revoked": [{"name": one.name, "fingerprint": one.fingerprint} for one in found]}


async def _add(
    order: Order, role: Role, *, home: str = "", clearance: str = "N", test_community: bool = False
) -> Result:
    name = order.text("name")
    if order.services.bindings.named(name, role):
        step = "take another name, or first: xdsnode client revoke NAME"
        raise refused("client.exists", name, f"there is an {role} of this name already", step)
    certificate = from_pem(order.text("certificate"))[0]
    now = order.services.clock()
    check_peer_certificate(certificate, now, usage=Usage.CLIENT)
    binding = Binding(
        fingerprint=fingerprint_of(certificate),
        role=role,
        name=name,
        home=home,
        clearance=clearance,
        test_community=test_community,
        added=timestamp(now),
        not_after=timestamp(certificate.not_valid_after_utc),
    )

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        Bindings.add(connection, binding)
        what = f"client added as {role}"
        return None, [order.security_record(what, node_object(name, binding.fingerprint))]

    await order.change(work)
    order.services.bindings.reload(order.services.reader)
    return _shown(binding)


def _is_fingerprint(one: Binding, text: str) -> bool:
    try:
        return read_fingerprint(text) == one.fingerprint
    except BadCertificate:
        return False


def _shown(one: Binding) -> Result:
    return {
        "name": one.name,
        "role": str(one.role),
        "fingerprint": one.fingerprint,
        "added": one.added,
        "not_after": one.not_after,
        "revoked": one.revoked,
        "test_community": one.home if one.test_community else "",
    }
