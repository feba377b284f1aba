"""The side of a join that invites: one exchange in steps, open to whoever holds the invitation.

begin: their description, a certificate request and a commitment; we commit too. reveal: both nonces. Then two people
compare numbers. finish: what was decided. stop: the other person saw a difference. Whatever goes wrong ends it.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from node.faults import refused
from node.http.resources import JSON, Asked, Given
from node.membership import signer
from node.membership.membership import Membership
from node.membership.seen import seen_of
from trust.addresses import host_of
from trust.audit.event import NewRecord
from trust.communities import Community, describe, read_description
from trust.directory import store
from trust.directory.comparison import NONCE_BYTES, Numbers, commitment, kept, numbers, same
from trust.directory.content import read_time
from trust.directory.invitation import LIFE, SECRET_BYTES, Invited
from trust.directory.signing import Malformed, decode, encode, fields, text
from trust.directory.store import Invitation
from trust.errors import BadCertificate, BadCommunity
from trust.identity.caller import Role
from trust.ledger.record import canonical
from trust.pki.authority import requested_key
from trust.pki.bindings import Binding, Bindings, timestamp
from trust.pki.certificates import fingerprint_of, from_pem, to_pem

OPEN, BEGUN, SHOWN, DONE, VOID = "open", "begun", "shown", "done", "void"
MOST_BODY: Final = 1 << 17
_WRONG: Final = (Malformed, BadCommunity, BadCertificate)


class Void(Exception):  # noqa: N818  an outcome
    """The join ends here, for good."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a step leads to: the invitation in its new state, the answer, and what is put on record."""

    invitation: Invitation
    answer: Mapping[str, Any]
    what: str


async def invite(membership: Membership, record: Any) -> Invited:  # noqa: ANN401  see administration.federations
    """Make an invitation; `record` makes the audit record of a text.

    Raises:
        Faults: this node is in no federation or does not sign its directory.
    """
    directory = membership.required()
    now = membership.actors.clock()
    if not signer.is_signer(membership.config.folder):
        step = f"ask {directory.content.name}'s signer to invite: xdsnode federation list says who"
        raise refused("federation.no-signer", directory.content.name, "this node does not sign the directory", step)
    invited = Invited(
        url=membership.config.base_url,
        pin=directory.pin,
        tls=membership.own(),
        secret=secrets.token_bytes(SECRET_BYTES),
        expires=read_time(timestamp(now + LIFE)),
    )
    certificate = invited.certificate()
    invitation = Invitation(
        fingerprint=fingerprint_of(certificate),
        certificate=to_pem([certificate]),
        state=OPEN,
        expires=timestamp(invited.expires),
        data={"tls": invited.tls, "root": invited.pin.root},
    )

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        binding = Binding(
            fingerprint=invitation.fingerprint,
            role=Role.INVITED,
            name=f"invitation {invitation.fingerprint[:8]}",
            added=timestamp(now),
            not_after=invitation.expires,
        )
        Bindings.add(connection, binding)
        store.keep(connection, invitation)
        return None, [record(f"invitation {invitation.fingerprint[:8]} to {directory.content.name} made")]

    await membership.actors.sequencer.transact(work)
    membership.applied()
    return invited


async def take_step(membership: Membership, asked: Asked) -> Given:
    """Answer one step of whoever holds an invitation."""
    invitation = found(membership, asked.caller.fingerprint)
    if invitation is None or invitation.state == VOID:
        return _answer(410, {"state": VOID})
    try:
        content = fields(orjson.loads(asked.body), "step")
        step = _next(membership, invitation, content)
    except (orjson.JSONDecodeError, Void, *_WRONG) as problem:
        await void(membership, invitation, str(problem)[:300])
        return _answer(410, {"state": VOID, "text": str(problem)[:300]})
    if step.invitation is not invitation:
        await _keep(membership, step.invitation, step.what)
    return _answer(200, step.answer)


def _next(membership: Membership, invitation: Invitation, content: Mapping[str, Any]) -> Step:
    match invitation.state, content["step"]:
        case "open", "begin":
            return _begin(membership, invitation, content)
        case "begun", "reveal":
            return _reveal(invitation, content)
        case (("shown" | "done"), "finish"):
            return Step(invitation, _outcome(membership, invitation), "")
        case _, "stop":
            raise Void("the other side stopped: the numbers did not match, or nobody compared them")
    raise Void(f"{str(content['step'])[:20]!r} is not the next step: the invitation was used already")


def _begin(membership: Membership, invitation: Invitation, content: Mapping[str, Any]) -> Step:
    found_ = fields(content, "community", "request", "commitment")
    row = fields(found_["community"], "home_community_id", "name")
    request = text(found_["request"], 1 << 14).encode("ascii", "replace")
    now = membership.actors.clock()
    if found_["community"].get("certificates"):
        community = _judged(membership, row, now)
        if from_pem(community.certificates)[0].public_key() != requested_key(request):
            raise Void("its certificate is not that of the key with which it asks")
    else:
        hosts = sorted({host_of(url) for url in fields(row, "endpoints")["endpoints"].values()})
        key = requested_key(request)
        certificate = signer.issue(membership.config, text(row["name"], 100), key, hosts, now)
        issued = {**row, "certificates": to_pem([certificate]), "fingerprint": fingerprint_of(certificate)}
        community = _judged(membership, issued, now)
    if membership.required().content.member(community.home) is not None:
        raise Void(f"{community.name} is a member already: federation remove comes first")
    nonce = secrets.token_bytes(NONCE_BYTES)
    data = {
        **invitation.data,
        "community": describe(community),
        "spki": _spki(request),
        "said": sha256(canonical(row)).hexdigest(),
        "commitment": text(found_["commitment"], 64),
        "nonce": encode(nonce),
    }
    began = replace(invitation, state=BEGUN, data=data)
    name = membership.required().content.name
    answer = {"commitment": commitment(nonce), "name": membership.config.node.name, "federation": name}
    return Step(began, answer, f"{community.name} ({community.home}) has answered the invitation")


def _judged(membership: Membership, row: Mapping[str, Any], now: datetime) -> Community:
    node = membership.config.node
    return read_description(
        row,
        now=now,
        own_home=node.home_community_id,
        development=node.development,
        permitted=membership.config.federation.permitted_hosts,
    )


def _spki(request: bytes) -> str:
    key = requested_key(request)
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _reveal(invitation: Invitation, content: Mapping[str, Any]) -> Step:
    theirs = decode(fields(content, "nonce")["nonce"], NONCE_BYTES)
    if not kept(theirs, invitation.data["commitment"]):
        raise Void("its nonce is not the one that it committed to")
    shown = replace(invitation, state=SHOWN, data={**invitation.data, "theirs": encode(theirs)})
    return Step(shown, {"nonce": invitation.data["nonce"]}, "both sides show their numbers")


def _outcome(membership: Membership, invitation: Invitation) -> dict[str, Any]:
    if invitation.state == SHOWN:
        return {"state": "waiting"}
    directory = membership.required()
    certificates = invitation.data["community"]["certificates"]
    return {"state": DONE, "certificates": certificates, "directory": encode(directory.text)}


def numbers_of(membership: Membership, invitation: Invitation) -> Numbers:
    """What both people read aloud, once both nonces are here."""
    data, directory = invitation.data, membership.required()
    seen = seen_of(directory.federation, data["root"], data["tls"], data["spki"], data["said"])
    return numbers(seen, decode(data["nonce"]), decode(data["theirs"]))


async def confirm(membership: Membership, invitation: Invitation, typed: str, record: Any) -> Community:  # noqa: ANN401
    """Somebody typed what the other person read aloud: they are a member now, or the invitation is void.

    Raises:
        Faults: the number is another one, or the invitation is not there yet.
    """
    if invitation.state != SHOWN or expired(membership, invitation):
        step = "ask for the state: xdsnode federation list"
        raise refused("federation.not-shown", invitation.fingerprint[:8], f"the invitation is {invitation.state}", step)
    row = invitation.data["community"]
    if not same(numbers_of(membership, invitation).joining, typed):
        await void(membership, invitation, "the number that was typed is not the one that the other node shows")
        cause = "this is not the number that the other node shows: somebody may stand between the two nodes"
        step = "the invitation is void; speak with the other administrator, then make a new one"
        raise refused("federation.numbers", row["name"], cause, step)
    community = _judged(membership, row, membership.actors.clock())

    def also(connection: sqlite3.Connection) -> Sequence[NewRecord]:
        store.keep(connection, replace(invitation, state=DONE))
        return [record(f"{community.name} ({community.home}) joined; the numbers were compared")]

    await membership.change(lambda content: signer.with_member(content, community), "member added", also)
    return community


async def void(membership: Membership, invitation: Invitation, why: str) -> None:
    """End an invitation for good, with an alarm."""

    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        store.keep(connection, replace(invitation, state=VOID, data={**invitation.data, "why": why}))
        bound = "SELECT 1 FROM certificate_binding WHERE fingerprint = ? AND revoked = ''"
        if connection.execute(bound, (invitation.fingerprint,)).fetchone():
            Bindings.revoke(connection, invitation.fingerprint, membership.actors.clock())
        return None, [record]

    record = membership.alarm("federation-invitation", f"invitation {invitation.fingerprint[:8]} is void: {why}")
    await membership.actors.sequencer.transact(work)
    membership.applied()


async def _keep(membership: Membership, invitation: Invitation, what: str) -> None:
    def work(connection: sqlite3.Connection) -> tuple[None, Sequence[NewRecord]]:
        store.keep(connection, invitation)
        return None, [membership.record(f"invitation {invitation.fingerprint[:8]}: {what}")]

    await membership.actors.sequencer.transact(work)


def found(membership: Membership, fingerprint: str) -> Invitation | None:
    """The invitation whose certificate was shown, or whose beginning a person typed; None once it has ended."""
    return next((one for one in all_of(membership) if one.fingerprint.startswith(fingerprint)), None)


def all_of(membership: Membership) -> list[Invitation]:
    """Every invitation that has not ended."""
    return [one for one in store.invitations(membership.actors.reader) if not expired(membership, one)]


def expired(membership: Membership, invitation: Invitation) -> bool:
    """Whether its time is over."""
    return membership.actors.clock() >= read_time(invitation.expires)


def _answer(status: int, content: Mapping[str, Any]) -> Given:
    return Given(status=status, body=orjson.dumps(content), content_type=JSON)
