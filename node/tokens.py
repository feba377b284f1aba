"""The user behind a plain HTTP request: the bearer token in its Authorization header (IUA, ITI-72).

The connection is mutually authenticated all the same: the certificate says which system asks, the token which person.
Keys come from files, or are fetched in the background, never while a request waits; what was fetched last counts on
until `STALE` when the authorization server is away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from node.configuration.config import Config
from node.configuration.settings import TokenIssuerRow
from node.configuration.value_sets import value_sets
from node.federation.resolver import GuardedResolver
from node.http.fetching import fetch
from registry.metadata.values import Cx
from trust.errors import BadCertificate, TokenRefused
from trust.identity.access_token import ExpectedToken, TokenIssuer, accept, require
from trust.identity.caller import Caller
from trust.identity.token_keys import MOST_BYTES, TokenKey, read_jwks

log = logging.getLogger("node.tokens")

STALE: Final = timedelta(hours=24)  # that fetched keys count when no newer ones come
REFRESH_SECONDS: Final = 300.0
_FETCH_SECONDS: Final = 5.0
_SCHEME: Final = "bearer "

Fetch = Callable[[str], Awaitable[bytes]]


class Tokens:
    """Judges access tokens for one node."""

    def __init__(self, config: Config, clock: Callable[[], datetime], fetch: Fetch) -> None:
        """`fetch` gets the bytes of a URL, within bounds of its own; OSError or ValueError when it cannot."""
        self._config = config
        self._clock = clock
        self._fetch = fetch
        self._fetched: dict[str, tuple[datetime, tuple[TokenKey, ...]]] = {}
        own = config.node.home_community_id
        roles, purposes = value_sets(config)
        self._expected = ExpectedToken(
            home=own,
            audiences=frozenset({own, config.base_url, config.base_url + "/", *config.iua.audiences}),
            skew=timedelta(seconds=config.xua.skew_seconds),
            roles=roles,
            purposes=purposes,
        )
        self._issuers: dict[str, TokenIssuer] = {}
        self.reload()

    async def run(self) -> None:
        """Refresh again and again."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh(self) -> None:
        """Fetch the keys of every issuer that publishes them, and read the files again."""
        for one in self._config.iua.issuers:
            if one.jwks_url:
                try:
                    self._fetched[one.issuer] = self._clock(), read_jwks(await self._fetch(one.jwks_url))
                except (OSError, ValueError, BadCertificate) as problem:
                    log.warning("keys were not fetched", extra={"issuer": one.name, "reason": str(problem)[:200]})
        self.reload()

    def reload(self) -> None:
        """Take the keys in force."""
        self._issuers = {one.name: one for one in self._read()}

    def caller(self, header: str, caller: Caller, certificate: bytes, scopes: frozenset[str], patient: str) -> Caller:
        """The caller with the person behind it; as it is where tokens play no role, or none came and none is needed.

        Args:
            header: Authorization, "" for none.
            caller: by its certificate.
            certificate: DER.
            scopes: one of them must be granted.
            patient: the one that the request is about (`urn:oid:…|id`), "" for none or several.

        Raises:
            TokenRefused: there is one and it is not accepted, or there must be one.
        """
        mode = self._config.iua.mode
        if mode == "off":
            return caller
        if not header and mode == "accepted":
            return caller
        if header[: len(_SCHEME)].lower() != _SCHEME:
            raise TokenRefused("invalid_token", "no bearer token came")
        expected = replace(self._expected, home=caller.home or self._expected.home, certificate=certificate)
        user = accept(header[len(_SCHEME) :], self._issuers, expected, self._clock())
        require(replace(user, patient=as_identifier(user.patient)), scopes, patient)
        return replace(
            caller,
            user=user.id,
            user_name=user.name,
            user_role=user.role,
            purpose=user.purpose,
            organisation=user.organisation,
        )

    def _read(self) -> Iterator[TokenIssuer]:
        own = self._config.node.home_community_id
        for one in self._config.iua.issuers:
            yield TokenIssuer(
                name=one.issuer,
                keys=self._keys(one),
                homes=frozenset(one.communities or (own,)),
                bound=one.certificate_bound,
            )

    def _keys(self, one: TokenIssuerRow) -> tuple[TokenKey, ...]:
        if one.jwks_url:
            when, keys = self._fetched.get(one.issuer, (None, ()))
            return keys if when is not None and self._clock() - when <= STALE else ()
        try:
            return read_jwks((self._config.root / one.jwks).read_bytes())
        except (OSError, BadCertificate) as problem:
            log.warning("no token of this issuer is accepted", extra={"issuer": one.name, "reason": str(problem)[:200]})
            return ()


def tokens_of(config: Config, clock: Callable[[], datetime]) -> Tokens:
    """The judge of a node, with the network behind it."""
    resolver = partial(
        GuardedResolver, development=config.node.development, permitted=config.federation.permitted_hosts
    )
    return Tokens(config, clock, partial(fetch, resolver=resolver, most=MOST_BYTES, seconds=_FETCH_SECONDS))


def as_identifier(patient: str) -> str:
    """A patient of a token, CX or `urn:oid:…|id`, as search parameters name them."""
    cx = Cx.parse(patient) if "^" in patient else None
    return f"urn:oid:{cx.authority}|{cx.id}" if cx else patient
