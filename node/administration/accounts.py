"""People who use the pages: `user add | list | certificate | sign-out | close`."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from node.administration.assertions import ROLE_WORDS, coded
from node.administration.orders import Order, Result
from node.faults import refused
from trust.accounts import store
from trust.accounts.factors import Sealing, new_secret, uri
from trust.accounts.store import Account, Duty
from trust.audit.event import AuditedObject, Coded, NewRecord
from trust.pki.certificates import fingerprint_of, from_pem

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HASH: Final = re.compile(r"\$argon2id\$[A-Za-z0-9$=,+/.]{20,400}")
_UNKNOWN: Final = (
    "xdsnode user list; whoever comes by the identity provider is closed there: xdsnode user sign-out NAME"
)
_USER_ID: Final = Coded("11", "RFC-3881", "User Identifier")


async def add(order: Order) -> Result:
    """Open an account, or replace password, code and role of one. The password comes as its hash."""
    name, password = order.text("name"), order.text("password")
    if not _NAME.fullmatch(name):
        step = "take letters, digits, dot, hyphen and underscore, 64 at most"
        raise refused("user.name", name, "this cannot be the name of an account", step)
    if order.text("role") not in list(Duty):
        raise refused("user.role", order.text("role"), "there is no such role", f"--role {' or '.join(Duty)}")
    if not _HASH.fullmatch(password):
        raise refused("user.password", name, "the password did not arrive as its Argon2id hash", "xdsnode user add")
    development = order.services.config.node.development
    if order.flag("without_code") and not development:
        step = "leave out --without-code: only development nodes have such accounts"
        raise refused("user.code", name, "everybody signs in with a password and a one-time code", step)
    profession = coded(order, "profession", order.services.users.roles, ROLE_WORDS)
    if profession and order.text("role") != Duty.CLINICIAN:
        step = "leave out --profession: only clinicians ask other institutions, in a profession"
        raise refused("user.profession", name, "this account asserts no functional role", step)
    secret = "" if order.flag("without_code") else new_secret()
    account = Account(
        name=name.lower(),
        full_name=order.text("full_name", "") or name,
        role=Duty(order.text("role")),
        profession="".join(f"{one.code}^{one.system}" for one in profession),
        password=password,
        code_secret=Sealing(order.services.config.folder.accounts_key).seal(name.lower(), secret) if secret else b"",
        changed=_now(order),
    )
    what = " ".join(["account opened or renewed as", account.role, *(one.text for one in profession)])
    await _change(order, lambda _: account, what)
    code = {"code_secret": secret, "code_uri": uri(secret, name, order.services.config.node.name)} if secret else {}
    return {**_shown(account), **code}


async def find_all(order: Order) -> Result:
    """Every account, closed ones too; never a password or a secret."""
    return {"users": [_shown(one) for one in store.every(order.services.reader)]}


async def close(order: Order) -> Result:
    """Close an account: whoever is signed in with it is out with the next click."""
    now = _now(order)
    return _shown(
        await _change(order, lambda connection: replace(_in_force(order, connection), closed=now), "account closed")
    )


async def sign_out(order: Order) -> Result:
    """End the sessions of a user of the pages, also of one who has no account here but at the identity provider."""
    name = order.text("name").lower()
    account = store.find(order.services.reader, name)
    ended = order.services.sign_out(name)
    person = _person(name, account.full_name if account else "")
    await order.record([order.security_record(f"signed out by an operator, sessions ended: {ended}", person)])
    return {"name": name, "ended": ended, "account": bool(account and not account.closed)}


async def certificate(order: Order) -> Result:
    """Bind the certificate that an account signs in with instead of a password, or take it away again."""
    pem, now = order.text("certificate", ""), _now(order)
    found = fingerprint_of(from_pem(pem)[0]) if pem else ""

    def bound(connection: sqlite3.Connection) -> Account:
        account, other = _in_force(order, connection), store.holder(connection, found)
        if other is not None and other.name != account.name:
            step = f"take it from {other.name} first: xdsnode user certificate {other.name} --remove"
            raise refused("user.certificate", found, f"it is bound to {other.name}", step)
        return replace(account, certificate=found, changed=now)

    what = f"certificate {found} bound" if found else "certificate taken away"
    return _shown(await _change(order, bound, what))


def _in_force(order: Order, connection: sqlite3.Connection) -> Account:
    account = store.find(connection, order.text("name"))
    if account is None or account.closed:
        raise refused("user.unknown", order.text("name"), "no account in force has this name", _UNKNOWN)
    return account


async def _change(order: Order, make: Callable[[sqlite3.Connection], Account], what: str) -> Account:
    """Keep what is made of the account as it is in the transaction: a code that was used meanwhile stays used."""

    def work(connection: sqlite3.Connection) -> tuple[Account, Sequence[NewRecord]]:
        account = make(connection)
        store.put(connection, account)
        return account, [order.security_record(what, _person(account.name, account.full_name))]

    return await order.change(work)


def _person(name: str, full_name: str) -> AuditedObject:
    return AuditedObject(id=name, type_code="1", role="11", id_type=_USER_ID, name=full_name)


def _now(order: Order) -> str:
    return f"{order.services.clock():%Y-%m-%dT%H:%M:%SZ}"


def _shown(one: Account) -> Result:
    shown = {"name": one.name, "full_name": one.full_name, "role": str(one.role), "profession": one.profession}
    return {
        **shown,
        "changed": one.changed,
        "closed": one.closed,
        "certificate": one.certificate,
        "one_time_code": bool(one.code_secret),
    }
