"""The federation: `federation create|invite|confirm|join|list|leave|remove|revoke|sign|publish`."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cryptography.x509 import Certificate

from node.administration.exports import own_community, own_urls
from node.administration.orders import Order, Result, node_object
from node.client.institutions import meant
from node.faults import refused
from node.federation.client import PeerFault
from node.folder import Folder
from node.membership import inviting, signer
from node.membership.membership import url_of
from trust.audit.event import NewRecord
from trust.directory.content import Content, Revoked
from trust.directory.directory import Directory, Pin, Refusal, accept, standing
from trust.directory.members import with_lists
from trust.directory.store import Invitation
from trust.errors import BadCertificate
from trust.pki.authority import requested_key
from trust.pki.bindings import timestamp
from trust.pki.certificates import fingerprint_of, from_pem, read_fingerprint, to_pem
from trust.pki.keyfiles import replace_private, write_private


async def create(order: Order) -> Result:
    """Begin a federation: its keys, its CA, this node's certificate where there is none, the first directory."""
    services, config, now = order.services, order.services.config, order.services.clock()
    membership = services.membership
    if membership.directory is not None:
        step = "leave it first: xdsnode federation leave"
        raise refused("federation.member", membership.directory.content.name, "this node is a member already", step)
    name = order.text("name").strip()
    if not name:
        raise refused("federation.name", "--name", "the federation has no name", "xdsnode federation create NAME")
    names = {order.text("language", "en"): name, **_names(order.arguments.get("names"))}
    folder = config.folder
    if not folder.tls_chain.exists():
        key = requested_key(folder.tls_request.read_bytes())
        certificate = signer.issue(config, config.node.name, key, [config.node.host], now)
        _write_certificate(order, to_pem([certificate]))
    federation = services.new_uuid()
    root, data = signer.found(config, own_community(config, own_urls(config)), names, federation, now)
    if not folder.trust.exists():
        write_private(folder.trust, signer.certifier(config, now).pem.encode())
    found = await membership.join(Pin(federation, root), data, f"federation {name} made by {order.operator}")
    return _shown(order, found)


def _shows(folder: Folder, leaf: Certificate) -> bool:
    """Whether this is the node's certificate already."""
    return folder.tls_chain.exists() and from_pem(folder.tls_chain.read_bytes())[0] == leaf


def _names(given: object) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in given.items()} if isinstance(given, dict) else {}


def _write_certificate(order: Order, pem: str) -> None:
    replace_private(order.services.config.folder.tls_chain, pem.encode("ascii"))


async def invite(order: Order) -> Result:
    """One line for another institution; it counts once, for 24 hours."""
    membership = order.services.membership
    if not order.services.config.folder.tls_chain.exists():
        raise refused("federation.certificate", order.services.config.node.name, "the node has none", "xdsnode check")
    invited = await inviting.invite(membership, order.security_record)
    return {
        "invitation": invited.line(),
        "id": fingerprint_of(invited.certificate()),
        "expires": timestamp(invited.expires),
    }


async def invitation(order: Order) -> Result:
    """How far an invitation is, and the number to read aloud once both nodes show theirs."""
    return _invitation(order, _meant(order))


def _meant(order: Order) -> Invitation:
    membership = order.services.membership
    wanted = order.text("id", "")
    if wanted:
        found = inviting.found(membership, wanted)
    else:
        waiting = [one for one in inviting.all_of(membership) if one.state == inviting.SHOWN]
        found = waiting[0] if len(waiting) == 1 else None
    if found is None:
        step = "make a new one: xdsnode federation invite"
        raise refused("federation.no-invitation", wanted or "invitation", "there is none that waits", step)
    return found


def _invitation(order: Order, one: Invitation) -> Result:
    found: Result = {"id": one.fingerprint, "state": one.state, "expires": one.expires}
    community = one.data.get("community")
    if community:
        found |= {"name": community["name"], "home_community_id": community["home_community_id"]}
        found["address"] = community["endpoints"]["iti-38"].rpartition("/")[0]
    if one.state == inviting.SHOWN:
        found["number"] = inviting.numbers_of(order.services.membership, one).inviting
    if one.state == inviting.VOID:
        found["why"] = one.data.get("why", "")
    return found


async def confirm(order: Order) -> Result:
    """Take the number that the other person read aloud: they are a member, or the invitation is void."""
    one = _meant(order)
    community = await inviting.confirm(
        order.services.membership, one, order.text("number"), lambda what: _record(order, what)
    )
    return {"name": community.name, "home_community_id": community.home, "state": inviting.DONE}


def _record(order: Order, what: str) -> NewRecord:
    return order.security_record(what, node_object(order.services.config.node.name, order.services.membership.own()))


async def joined(order: Order) -> Result:
    """Put the directory in force that the inviting node gave, after both people compared the numbers."""
    services, folder = order.services, order.services.config.folder
    membership = services.membership
    pin = Pin(order.text("federation"), order.text("root"))
    certificates = order.text("certificates")
    leaf = from_pem(certificates)[0]
    if leaf.public_key() != requested_key(order.text("request").encode()):
        step = "do not join; ask the other administrator for a new invitation"
        raise refused("federation.certificate", pin.federation, "the certificate is not for this node's key", step)
    data = base64.b64decode(order.text("directory"))
    offered = accept(pin, data, services.clock())
    own = offered.content.member(services.config.node.home_community_id) if isinstance(offered, Directory) else None
    if isinstance(offered, Directory) and (own is None or own["fingerprint"] != fingerprint_of(leaf)):
        step = "ask the other administrator for a new invitation"
        raise refused("federation.not-listed", offered.content.name, "the directory does not list this node", step)
    if own is not None and membership.directory is None and not _shows(folder, leaf):
        _write_certificate(order, certificates)  # first: a member without its certificate could not be repaired
    found = await membership.join(pin, data, f"joined by {order.operator}; the numbers were compared")
    if not folder.trust.exists():
        write_private(folder.trust, "".join(found.content.issuers).encode("ascii"))
    membership.applied()
    return _shown(order, found)


async def mismatch(order: Order) -> Result:
    """The number that was typed here is not the one that the inviting node shows: an alarm, on record."""
    url = order.text("url")[:200]
    what = f"join at {url} stopped by {order.operator}: the numbers differ, somebody may stand between the nodes"
    await order.services.membership.warn("federation-invitation", what)
    return {}


async def find_all(order: Order) -> Result:
    """The federation, its members, and at the signer the invitations that wait."""
    membership = order.services.membership
    found = _shown(order, membership.required())
    found["invitations"] = [_invitation(order, one) for one in inviting.all_of(membership)]
    return found


async def leave(order: Order) -> Result:
    """Leave: the signer is told, and the communities of the directory are not connected any more."""
    services, membership = order.services, order.services.membership
    directory = membership.required()
    if signer.is_signer(services.config.folder) and len(directory.content.members) > 1:
        cause = "this node signs the directory: without it the federation ends"
        step = "remove the other members first: xdsnode federation remove PEER"
        raise refused("federation.signer", directory.content.name, cause, step)
    told = False
    for publisher in _publishers(order, directory):
        try:
            url = url_of(publisher).rpartition("/")[0] + "/leave"
            status, _, _ = await membership.client.plain(publisher, "POST", url, b"leave", most=4096)
            told = told or status == 204
        except (PeerFault, AssertionError):  # no client without a running node
            continue
    gone = await membership.leave(f"left by {order.operator}")
    return {"name": directory.content.name, "told": told, "disconnected": list(gone)}


def _publishers(order: Order, directory: Directory) -> Sequence[Any]:
    return [one for one in order.services.communities.all() if one.home in directory.content.publishers]


async def remove(order: Order) -> Result:
    """Remove a member: the next version is without it, and its certificates count no more."""
    membership = order.services.membership
    community = meant([one for one in order.services.communities.all() if one.federation], order.text("peer"))
    reason = order.text("reason", "")
    gone = [community.fingerprint, *map(fingerprint_of, from_pem(community.previous) if community.previous else ())]

    def edit(content: Content) -> Content:
        return _revoked(signer.without_member(content, community.home), gone, order, reason)

    found = await membership.change(edit, f"{community.name} removed by {order.operator}: {reason}")
    return _shown(order, found)


async def revoke(order: Order) -> Result:
    """Withdraw a certificate, or take in a CA's revocation list with that CA."""
    lists, issuers = order.text("crl", ""), order.text("issuer", "")
    if lists:
        from_pem(issuers)

        def edit(content: Content) -> Content:
            authorities = (*content.issuers, *([issuers] if issuers not in content.issuers else []))
            return with_lists(replace(content, issuers=authorities), lists)
    else:
        try:
            fingerprint = read_fingerprint(order.text("fingerprint"))
        except BadCertificate:
            peer = meant(order.services.communities.all(), order.text("fingerprint"))
            fingerprint = peer.fingerprint

        def edit(content: Content) -> Content:
            return _revoked(content, [fingerprint], order, order.text("reason", ""))

    return _shown(order, await order.services.membership.change(edit, f"certificate withdrawn by {order.operator}"))


def _revoked(content: Content, fingerprints: Sequence[str], order: Order, reason: str) -> Content:
    since = timestamp(order.services.clock())
    known = {one.fingerprint for one in content.revoked}
    new = [Revoked(fingerprint=one, since=since, reason=reason) for one in fingerprints if one not in known]
    return replace(content, revoked=(*content.revoked, *new))


async def sign(order: Order) -> Result:
    """Sign the next version, with a new key where that is wanted."""
    rotate = order.flag("rotate")
    what = f"directory signed by {order.operator}" + (" under a new key" if rotate else "")
    return _shown(order, await order.services.membership.change(lambda content: content, what, rotate=rotate))


async def publish(order: Order) -> Result:
    """Give the directory to every member now; with `directory` (base64) take one that was brought in a file first."""
    membership = order.services.membership
    given = order.text("directory", "")
    if given:
        found = await membership.offer(base64.b64decode(given), f"file of {order.operator}")
        if isinstance(found, Refusal):
            step = "ask the signer for the directory that is in force"
            raise refused(f"federation.{found.reason}", "the file", found.text, step)
    told = await membership.push() if membership.serving else {}
    return {**_shown(order, membership.required()), "told": dict(told)}


def _shown(order: Order, directory: Directory) -> Result:
    membership, content = order.services.membership, directory.content
    now = order.services.clock()
    own = order.services.config.node.home_community_id

    def state(row: Mapping[str, Any]) -> str:
        home = row["home_community_id"]
        if home == own:
            return "this node"
        connected = order.services.communities.get(home) is not None
        return membership.faults.get(home, "connected" if connected else "not connected: xdsnode check says why")

    return {
        "federation": directory.federation,
        "name": content.name,
        "names": dict(content.names),
        "version": directory.version,
        "issued": timestamp(directory.issued),
        "expires": timestamp(directory.expires),
        "standing": standing(directory, now) or "good",
        "keys": directory.root.digest,
        "signer": signer.is_signer(order.services.config.folder),
        "publishers": list(content.publishers),
        "members": [
            {"name": row["name"], "home_community_id": row["home_community_id"], "state": state(row)}
            for row in content.members
        ],
    }
