"""The node's own certificate renews itself at two thirds of its life: a new key, listed beside the old one, then used.

Both certificates are in the directory before the new one is shown to anybody, and for two rounds more, so that a member
which is a round behind knows it too. Nothing restarts.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import Certificate

from node.federation.client import PeerFault
from node.folder import Folder
from node.membership import distribution
from node.membership.membership import Membership, url_of
from node.membership.signer import is_signer
from trust.directory.members import issued_by
from trust.directory.signing import Malformed, decode, fields, text
from trust.errors import BadCertificate
from trust.pki.authority import key_pem, new_key, request, requested_key
from trust.pki.certificates import days_left, fingerprint_of, from_pem, names, to_pem
from trust.pki.keyfiles import replace_private, write_private

ALARM_DAYS: Final = (2, 7, 14, 30)
_ROUNDS: Final = 2
_SECONDS: Final = 20.0
_MOST: Final = 64 << 20


class Upkeep:
    """What a running node does for its membership by itself: the directory, and its own certificate."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._since: datetime | None = None  # when the new certificate was first seen to be listed
        self._warned = (0, "")

    def begin(self) -> None:
        """The node runs: what was signed while it did not is given to every member."""
        membership = self._membership
        membership.serving = True
        if is_signer(membership.config.folder) and membership.directory is not None:
            membership.push_soon()

    async def round(self) -> None:
        """One round for the directory, then one for the certificate."""
        await self._membership.round()
        await self._certificate()

    async def _certificate(self) -> None:
        """Warn, ask for a new certificate when it is time, use it when everybody knows it."""
        membership, folder = self._membership, self._membership.config.folder
        present = from_pem(folder.tls_chain.read_bytes())[0]
        now = membership.actors.clock()
        await self._warn(present, now)
        if membership.directory is None:
            return
        if not folder.next_tls_chain.exists():
            if due(present, now) and self._is_ours(present):
                await self._ask(present)
        elif self._known(now):
            switch(folder)
            self._since = None
            membership.applied()
            await membership.actors.sequencer.record([membership.record("the renewed certificate is used from now on")])

    def _known(self, now: datetime) -> bool:
        membership = self._membership
        directory = membership.required()
        row = directory.content.member(membership.config.node.home_community_id)
        found = from_pem(membership.config.folder.next_tls_chain.read_bytes())[0]
        if row is None or row["fingerprint"] != fingerprint_of(found):
            return False
        self._since = self._since or now
        return now - self._since >= timedelta(seconds=_ROUNDS * membership.config.federation.directory_seconds)

    def _is_ours(self, present: Certificate) -> bool:
        issuers = self._membership.required().content.issuers
        return any(issued_by(present, from_pem(pem)[0]) for pem in issuers)

    async def _ask(self, present: Certificate) -> None:
        membership, folder = self._membership, self._membership.config.folder
        name = membership.config.node.name
        wanted = request(_next_key(folder), name[:64], names(present)).encode()
        if is_signer(folder):
            certificate = distribution.renewed(membership, name, requested_key(wanted), present)
            home = membership.config.node.home_community_id
            replace_private(folder.next_tls_chain, to_pem([certificate]).encode())
            await distribution.list_renewed(membership, home, certificate)
            return
        directory = membership.required()
        for publisher in membership.communities.all():
            if publisher.home not in directory.content.publishers or not url_of(publisher):
                continue
            url = url_of(publisher).rpartition("/")[0] + "/renewal"
            try:
                async with asyncio.timeout(_SECONDS):
                    status, _, body = await membership.client.plain(publisher, "POST", url, wanted, most=_MOST)
                if status == 200:
                    await self._take(body, wanted, publisher.name)
                    return
            except (PeerFault, TimeoutError, Malformed, BadCertificate, orjson.JSONDecodeError):
                continue

    async def _take(self, body: bytes, wanted: bytes, source: str) -> None:
        found = fields(orjson.loads(body), "certificates", "directory")
        pem = text(found["certificates"], 1 << 16)
        if from_pem(pem)[0].public_key() != requested_key(wanted):
            raise BadCertificate("the certificate is not for the key that asked")
        replace_private(self._membership.config.folder.next_tls_chain, pem.encode("ascii"))
        await self._membership.offer(decode(found["directory"]), source)

    async def _warn(self, present: Certificate, now: datetime) -> None:
        days = days_left(present, now)
        step = next((one for one in ALARM_DAYS if days < one), 0)
        mark = (step, fingerprint_of(present))
        if step and mark != self._warned:
            await self._membership.warn(
                f"certificate-{step}-days", f"this node's certificate ends in {days} days: xdsnode check"
            )
        self._warned = mark


def due(certificate: Certificate, now: datetime) -> bool:
    """Whether two thirds of its life are over."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= begins + (ends - begins) * 2 / 3


def switch(folder: Folder) -> None:
    """Use the new key and certificate. Each is replaced whole; what a crash left is finished at the next start."""
    if folder.next_tls_key.exists():
        folder.next_tls_key.replace(folder.tls_key)
    folder.next_tls_chain.replace(folder.tls_chain)


def finish(folder: Folder) -> None:
    """Before certificates are read: end a switch that was begun."""
    if folder.next_tls_chain.exists() and not folder.next_tls_key.exists():
        switch(folder)


def _next_key(folder: Folder) -> ec.EllipticCurvePrivateKey:
    """The key that asks, made once: an answer that got lost leads to the same question."""
    if not folder.next_tls_key.exists():
        write_private(folder.next_tls_key, key_pem(new_key()))
    key = serialization.load_pem_private_key(folder.next_tls_key.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate(f"{folder.next_tls_key} is no P-256 key")
    return key
