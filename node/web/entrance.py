"""Signing in and out, and the two settings that everybody has (ui 4.a; threats I17, I18, I20)."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from node.web.language import LANGUAGES
from node.web.records import LOGIN, LOGOUT, authentication
from node.web.sessions import Session
from node.web.view import COOKIE, DOOR, THEMES, View
from trust.accounts import factors, store
from trust.accounts.store import Account, Duty
from trust.audit.event import NewRecord
from trust.errors import BadRecord
from trust.identity.names import BY_CERTIFICATE, BY_CODE, BY_PASSWORD

_DOOR_KEY: Final = secrets.token_bytes(32)
_HASHING: Final = asyncio.Semaphore(2)  # each takes 64 MiB
_YEAR: Final = 365 * 86400
_FIRST_PAGES: Final = {
    Duty.CLINICIAN: "/patients",
    Duty.ADMINISTRATOR: "/node",
    Duty.AUDITOR: "/audit",
    Duty.REPRESENTATIVE: "/audit/report",
}


def door_token(cookie: str) -> str:
    """The token of forms before sign-in: bound to a cookie, so that nobody is signed in by somebody else's form."""
    return hmac.digest(_DOOR_KEY, cookie.encode(), "sha256").hex() if cookie else ""


async def door(view: View) -> web.StreamResponse:
    """The form."""
    return view.see("/") if view.session else _form(view)


def _form(view: View, problem: str = "", status: int = 200) -> web.Response:
    cookie = view.cookie if not view.session and view.cookie else secrets.token_urlsafe(32)
    name = view.fields.get("name", "")[:64]
    response = view.page(
        "sign_in.html",
        status=status,
        token=door_token(cookie),
        problem=problem,
        name=name,
        provider=_provider(view),
        certified=_certified(view),
    )
    response.set_cookie(DOOR, cookie, secure=True, httponly=True, samesite="Strict", path="/")
    return response


def _provider(view: View) -> str:
    section = view.desk.services.config.sign_in
    return section.name if section.issuer else ""


def _certified(view: View) -> str:
    account = store.holder(view.desk.services.reader, view.certificate)
    return account.full_name if account else ""


async def certificate(view: View) -> web.StreamResponse:
    """Sign in with the certificate that the browser showed: one that was bound to an account in force."""
    account = store.holder(view.desk.services.reader, view.certificate)
    if account is None:
        await view.turned_away(_failure(view, None, view.certificate, "no account has this certificate"))
        return _form(view, view.words("No account has the certificate of this browser (SEC-06)."), 403)
    user = f"<{account.name}@{view.desk.home}>"
    await view.record(authentication(view, LOGIN, user, account.full_name, "signed in with a certificate"))
    return _opened(view, account, BY_CERTIFICATE)


async def home(view: View) -> web.StreamResponse:
    """Where each role begins."""
    return view.see(_FIRST_PAGES[view.signed_in.duty])


async def sign_in(view: View) -> web.StreamResponse:
    """Judge name, password and code; one answer for whatever is wrong, in the time that a right one takes."""
    name = view.fields.get("name", "").strip().lower()[:64]
    if view.desk.throttle.paused(name, view.address, view.now):
        await view.turned_away(_failure(view, None, name, "too many failures: not even tried"))
        return _form(view, view.words("Too many attempts. Wait 15 minutes, or ask the help desk (SEC-03)."), 429)
    view.desk.throttle.failed(name, view.address, view.now)  # first, so that many at once are counted too
    account = store.find(view.desk.services.reader, name)
    in_force = account if account and not account.closed else None
    async with _HASHING:
        kept = in_force.password if in_force else factors.NOBODY
        right = await asyncio.to_thread(factors.is_password, kept, view.fields.get("password", ""))
    step = _step(view, in_force) if in_force else None
    if not right or in_force is None or step is None or not await _admitted(view, in_force, step):
        await view.record(_failure(view, in_force, name, "name, password or code is wrong"))
        return _form(view, view.words("Name, password or code is wrong (SEC-01)."), 403)
    view.desk.throttle.succeeded(name, view.address, view.now)
    return _opened(view, in_force, BY_CODE if step else BY_PASSWORD)


def _step(view: View, account: Account) -> int | None:
    """The step of the one-time code, 0 where none is asked for, None for a wrong or used one."""
    if not account.code_secret:
        return 0 if view.desk.services.config.node.development else None
    said = view.fields.get("code", "").replace(" ", "")[:8]
    try:
        secret = view.desk.sealing.open(account.name, account.code_secret)
    except BadRecord:
        return None
    return factors.step_of(secret, said, view.desk.services.clock(), account.code_step)


async def _admitted(view: View, account: Account, step: int) -> bool:
    """Use up the code and put the sign-in on record, in one commit; False when somebody was faster with this code."""

    def work(connection: sqlite3.Connection) -> tuple[bool, Sequence[NewRecord]]:
        if step and not store.use_code(connection, account.name, step):
            return False, [_failure(view, account, account.name, "this code was used already")]
        user = f"<{account.name}@{view.desk.home}>"
        return True, [authentication(view, LOGIN, user, account.full_name, "signed in on the pages")]

    admitted, _ = await view.desk.services.sequencer.transact(work)
    return bool(admitted)


def _opened(view: View, account: Account, context: str) -> web.Response:
    """A session under a new cookie: nothing from before sign-in lives on (threats I18)."""
    cookie = view.desk.sessions.begin(
        Session(
            user=account.name,
            full_name=account.full_name,
            duty=account.role,
            profession=account.profession,
            changed=account.changed,
            began=view.now,
            seen=view.now,
            authenticated=view.desk.services.clock(),
            context=context,
        )
    )
    response = view.see("/")
    response.set_cookie(COOKIE, cookie, secure=True, httponly=True, samesite="Strict", path="/")
    response.del_cookie(DOOR, path="/", secure=True, httponly=True, samesite="Strict")
    return response


def _failure(view: View, account: Account | None, name: str, what: str) -> NewRecord:
    """A name that no account has may be somebody's password: it is on record under a keyed name."""
    user = f"<{account.name}@{view.desk.home}>" if account else f"unknown {view.desk.sealing.name('user ' + name)}"
    return authentication(view, LOGIN, user, account.full_name if account else "", what, good=False)


async def sign_out(view: View) -> web.StreamResponse:
    """Close the session at the node, and what the browser kept."""
    session = view.signed_in
    user = f"<{session.user}@{view.desk.home}>"
    await view.record(authentication(view, LOGOUT, user, session.full_name, "signed out"))
    view.desk.sessions.end(view.cookie)
    response = view.see("/sign-in")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
    return response


async def settings(view: View) -> web.StreamResponse:
    """Language and colours, kept by the browser."""
    response = view.see(view.fields.get("back", "/"))
    language, theme = view.fields.get("language"), view.fields.get("theme")
    if language in LANGUAGES:
        response.set_cookie("language", str(language), max_age=_YEAR, secure=True, httponly=True, samesite="Lax")
    if theme in THEMES:
        response.set_cookie("theme", str(theme), max_age=_YEAR, secure=True, httponly=True, samesite="Lax")
    return response
