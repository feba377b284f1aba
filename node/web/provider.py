"""Signing in with the institution's own account: OpenID Connect, authorization code with proof key (ui 4.a).

Nothing of the provider's answer is kept but who it is and with which role. What a sign-in needs until the browser comes
back lies here under a cookie of its own; that one is SameSite=Lax, because the provider sends the browser back from
another site. So does the page after it: it goes on by itself, as a step of this site.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from aiohttp import web
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from node.configuration.config import Config
from node.web.frame import SECURITY
from node.web.records import LOGIN, authentication
from node.web.sessions import Session
from node.web.view import COOKIE, View
from trust.accounts import store
from trust.accounts.openid import Claims, SignedIn, judged, person
from trust.accounts.store import Duty
from trust.errors import NotAuthenticated
from trust.identity.names import BEFORE

_RETURN: Final = "__Host-return"
_MINUTES: Final = 10 * 60.0
_MOST: Final = 10_000  # sign-ins under way
_SECONDS: Final = 10.0
_BYTES: Final = 256 * 1024
_DISCOVERY: Final = "/.well-known/openid-configuration"


class ProviderAway(Exception):  # noqa: N818  it becomes a page
    """The identity provider cannot be reached, or answers what cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    state: str
    nonce: str
    verifier: str
    until: float


@dataclass(slots=True)
class Provider:
    """The identity provider of one node."""

    config: Config
    _begun: OrderedDict[str, _Begun] = field(default_factory=OrderedDict)

    @property
    def _return(self) -> str:
        return f"{self.config.web_url}/sign-in/return"

    async def begin(self, now: float) -> tuple[str, str]:
        """The address to send the browser to, and the cookie that ties its return to this browser.

        Raises:
            ProviderAway: it does not say where to go.
        """
        section = self.config.sign_in
        metadata = await self._metadata()
        one = _Begun(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            until=now + _MINUTES,
        )
        cookie = secrets.token_urlsafe(32)
        self._begun[cookie] = one
        while len(self._begun) > _MOST:
            self._begun.popitem(last=False)
        where = prepare_grant_uri(
            metadata["authorization_endpoint"],
            section.client_id,
            "code",
            self._return,
            " ".join(section.scopes),
            one.state,
            nonce=one.nonce,
            code_challenge=create_s256_code_challenge(one.verifier),
            code_challenge_method="S256",
        )
        return str(where), cookie

    async def finish(self, cookie: str, answer: Mapping[str, str], view: View) -> SignedIn:
        """Who came back.

        Raises:
            ProviderAway: the provider cannot be reached.
            NotAuthenticated: it refused, or what it says does not count.
        """
        one = self._begun.pop(cookie, None)
        if one is None or view.now > one.until:
            raise NotAuthenticated("this sign-in did not begin in this browser, or took too long")
        if not secrets.compare_digest(answer.get("state", "").encode(), one.state.encode()):
            raise NotAuthenticated("the answer belongs to another sign-in")
        if answer.get("iss", self.config.sign_in.issuer) != self.config.sign_in.issuer:
            raise NotAuthenticated("another provider answered")  # RFC 9207
        if "code" not in answer:
            raise NotAuthenticated(f"the provider refused: {answer.get('error', 'no code')[:100]}")
        metadata = await self._metadata()
        token = await self._token(metadata, answer["code"], one.verifier)
        keys = await self._json("GET", metadata["jwks_uri"])
        section = self.config.sign_in
        claims = judged(
            token,
            keys,
            issuer=section.issuer,
            client=section.client_id,
            nonce=one.nonce,
            now=view.desk.services.clock(),
        )
        duties = {
            Duty.CLINICIAN: section.clinicians,
            Duty.AUDITOR: section.auditors,
            Duty.ADMINISTRATOR: section.administrators,
            Duty.REPRESENTATIVE: section.representatives,
        }
        wanted = Claims(user=section.user_claim, name=section.name_claim, role=section.role_claim, duties=duties)
        return person(claims, wanted)

    async def _metadata(self) -> Mapping[str, Any]:
        issuer = self.config.sign_in.issuer
        found = await self._json("GET", issuer.rstrip("/") + _DISCOVERY)
        places = [found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if found.get("issuer") != issuer:
            raise ProviderAway("it calls itself by another name than [sign_in] issuer")
        if not all(isinstance(one, str) and one.startswith("https://") for one in places):
            raise ProviderAway("it does not say where its pages and keys are")
        return found

    async def _token(self, metadata: Mapping[str, Any], code: str, verifier: str) -> str:
        section = self.config.sign_in
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._return,
            "client_id": section.client_id,
            "code_verifier": verifier,
        }
        found = await self._json("POST", metadata["token_endpoint"], form, self._secret())
        token = found.get("id_token")
        if not isinstance(token, str):
            raise NotAuthenticated("the provider gave no ID token")
        return token

    def _secret(self) -> aiohttp.BasicAuth | None:
        section = self.config.sign_in
        if not section.client_secret:
            return None
        try:
            secret = (self.config.root / section.client_secret).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise ProviderAway(f"the client secret of this node cannot be read: {type(problem).__name__}") from None
        return aiohttp.BasicAuth(section.client_id, secret)

    async def _json(
        self, method: str, url: str, form: Mapping[str, str] | None = None, auth: aiohttp.BasicAuth | None = None
    ) -> dict[str, Any]:
        """One bounded exchange; the provider is of this institution, so its address may be a private one."""
        try:
            context = await asyncio.to_thread(self._context)
            async with (
                aiohttp.ClientSession(
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=_SECONDS),
                    trust_env=False,
                ) as session,
                session.request(
                    method, url, data=form, auth=auth, allow_redirects=False, ssl=context,
                    headers={"Accept": "application/json"},
                ) as response,
            ):  # fmt: skip
                body = b""
                async for piece in response.content.iter_any():
                    body += piece
                    if len(body) > _BYTES:
                        raise ProviderAway(f"it answered with more than {_BYTES >> 10} KB")
                if response.status not in (200, 400, 401):
                    raise ProviderAway(f"it answered with HTTP status {response.status}")
                found = json.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as problem:
            raise ProviderAway(f"{type(problem).__name__}: {problem}"[:200]) from None
        if not isinstance(found, dict):
            raise ProviderAway("it answered something that is no object")
        return found

    def _context(self) -> ssl.SSLContext:
        ca = self.config.sign_in.ca
        return ssl.create_default_context(cafile=str(self.config.root / ca) if ca else None)


async def depart(view: View) -> web.StreamResponse:
    """Go to the provider."""
    provider = view.desk.provider
    if not provider.config.sign_in.issuer:
        return view.see("/sign-in")
    try:
        where, cookie = await provider.begin(view.now)
    except ProviderAway as problem:
        return _away(view, problem)
    response = web.Response(status=303, headers={**SECURITY, "Location": where})
    response.set_cookie(_RETURN, cookie, secure=True, httponly=True, samesite="Lax", path="/", max_age=int(_MINUTES))
    return response


async def arrive(view: View) -> web.StreamResponse:
    """Come back from the provider: a session, on record, or one page that says why not."""
    cookie = view.request.cookies.get(_RETURN, "")
    answer = {name: value for name, value in view.request.query.items() if len(value) < 4096}
    try:
        found = await view.desk.provider.finish(cookie, answer, view)
        _apart(view, found.user)
    except ProviderAway as problem:
        return _away(view, problem)
    except NotAuthenticated as problem:
        name = view.desk.sealing.name(f"provider {view.address}")
        await view.turned_away(authentication(view, LOGIN, f"unknown {name}", "", str(problem), good=False))
        return view.problem(
            403,
            "SEC-04",
            view.words("The institution's account does not open this node.") + f" ({problem})",
            view.words("Try again. If it stays, tell the administrator what stands in brackets."),
        )
    user = f"<{found.user}@{view.desk.home}>"
    await view.record(authentication(view, LOGIN, user, found.full_name, "signed in by the institution's provider"))
    session = Session(
        user=found.user,
        full_name=found.full_name,
        duty=found.duty,
        profession=view.desk.services.config.sign_in.profession if found.duty is Duty.CLINICIAN else "",
        began=view.now,
        seen=view.now,
        authenticated=view.desk.services.clock(),
        context=BEFORE,
        local=False,
    )
    response = view.page("arrived.html")
    response.set_cookie(
        COOKIE, view.desk.sessions.begin(session), secure=True, httponly=True, samesite="Strict", path="/"
    )
    response.del_cookie(_RETURN, path="/", secure=True, httponly=True, samesite="Lax")
    return response


def _apart(view: View, user: str) -> None:
    account = store.find(view.desk.services.reader, user)
    if account is not None and not account.closed:
        raise NotAuthenticated("a local account has the same name: nobody could tell them apart in the log")


def _away(view: View, problem: ProviderAway) -> web.Response:
    cause = view.words("The institution's account service cannot be used now.") + f" ({problem})"
    return view.problem(502, "SEC-05", cause, view.words("Try again in a moment, or sign in with a local account."))
