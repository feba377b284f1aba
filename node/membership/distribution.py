"""What members ask of each other about the directory: give it, take it, renew a certificate, leave."""

from __future__ import annotations

from dataclasses import replace

import orjson
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509 import Certificate

from node.exchange import Desk
from node.faults import Faults
from node.http.resources import JSON, REVALIDATE, Asked, Given
from node.membership import inviting, signer
from node.membership.membership import Membership
from trust.directory.content import ACTIVE, Content
from trust.directory.directory import Refusal
from trust.directory.signing import Malformed, encode
from trust.errors import BadCertificate
from trust.pki.authority import requested_key
from trust.pki.certificates import fingerprint_of, from_pem, names, to_pem


async def give(asked: Asked, desk: Desk) -> Given:
    """The directory in force, exactly as it was signed."""
    membership = desk.membership
    if membership.directory is None:
        return Given(status=404)
    headers = (("ETag", membership.etag),)
    if asked.headers.get("If-None-Match") == membership.etag:
        return Given(status=304, headers=headers, cache=REVALIDATE)
    return Given(body=membership.directory.text, content_type=JSON, headers=headers, cache=REVALIDATE)


async def take(asked: Asked, desk: Desk) -> Given:
    """A directory that a member brings: it counts when it is newer and signed, whoever brings it."""
    found = await desk.membership.offer(asked.body, asked.caller.name)
    if found is None:
        return Given(status=404)
    if isinstance(found, Refusal):
        return Given(status=409, body=str(found.reason).encode())
    return Given(status=204)


async def join(asked: Asked, desk: Desk) -> Given:
    """One step of whoever was invited."""
    return await inviting.take_step(desk.membership, asked)


async def renew(asked: Asked, desk: Desk) -> Given:
    """A new certificate for a member, by the federation's CA: for the names that its present one has, both listed."""
    membership = desk.membership
    home = asked.caller.home
    row = membership.directory.content.member(home) if membership.directory else None
    if row is None or row["status"] != ACTIVE or not signer.is_signer(membership.config.folder):
        return Given(status=404)
    try:
        before = from_pem(row["certificates"])[0]
        key = requested_key(asked.body)
        if before.public_key() == key:  # our answer got lost
            return _renewed(before, membership.required().text)
        if fingerprint_of(before) != asked.caller.fingerprint:
            return Given(status=409, body=b"a renewal is under way")
        certificate = renewed(membership, row["name"], key, before)
        directory = await list_renewed(membership, home, certificate)
    except (BadCertificate, Malformed, Faults) as problem:
        return Given(status=409, body=str(problem)[:300].encode())
    return _renewed(certificate, directory)


def _renewed(certificate: Certificate, directory: bytes) -> Given:
    content = {"certificates": to_pem([certificate]), "directory": encode(directory)}
    return Given(body=orjson.dumps(content), content_type=JSON)


def renewed(membership: Membership, name: str, key: CertificatePublicKeyTypes, before: Certificate) -> Certificate:
    """A certificate like `before` for another key, from now on."""
    now = membership.actors.clock()
    return signer.issue(membership.config, name, key, list(names(before)), now)


async def list_renewed(membership: Membership, home: str, certificate: Certificate) -> bytes:
    """List a member's new certificate beside the one it had: the bytes of the directory that says so."""

    def edit(content: Content) -> Content:
        row = content.member(home)
        if row is None:
            return content
        leaf = to_pem(from_pem(row["certificates"])[:1])
        changed = {
            **row,
            "certificates": to_pem([certificate]),
            "fingerprint": fingerprint_of(certificate),
            "previous": leaf,
        }
        rows = [changed if one["home_community_id"] == home else one for one in content.members]
        return replace(content, members=tuple(rows))

    directory = await membership.change(edit, f"certificate of {home} renewed")
    return directory.text


async def leave(asked: Asked, desk: Desk) -> Given:
    """A member leaves: the next version is without it, signed at once."""
    membership = desk.membership
    home = asked.caller.home
    if not signer.is_signer(membership.config.folder) or membership.directory is None:
        return Given(status=404)
    if membership.directory.content.member(home) is None:
        return Given(status=409)
    try:
        await membership.change(lambda content: signer.without_member(content, home), f"{asked.caller.name} left")
    except Faults as problem:
        return Given(status=409, body=str(problem)[:300].encode())
    return Given(status=204)
