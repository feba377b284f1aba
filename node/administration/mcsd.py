"""The directory of the federation for others' FHIR directories: `federation export`, `federation import`."""

from __future__ import annotations

from dataclasses import asdict

from node.administration.orders import Order, Result
from node.faults import misused, refused
from node.membership import mcsd, signer
from node.membership.proposals import Proposal, propose
from trust.directory.content import Content
from trust.directory.directory import Directory
from trust.directory.signing import Malformed


async def export(order: Order) -> Result:
    """The directory in force as a Bundle; anybody in the federation may have it, as it has the directory."""
    directory = order.services.membership.required()
    bundle, left = mcsd.write(directory.content, directory.federation, order.services.clock())
    return {"bundle": bundle, "left_out": list(left)}


async def take(order: Order) -> Result:
    """What a Bundle would change; with `proposal`, the id of what was shown before, sign exactly that."""
    services = order.services
    membership, current = services.membership, services.membership.required()
    if not signer.is_signer(services.config.folder):
        step = "do this at the node that made the federation"
        raise refused("federation.no-signer", current.content.name, "this node does not sign the directory", step)
    try:
        listed = mcsd.read(order.text("bundle"))
    except Malformed as problem:
        step = "name a Bundle of Organization and Endpoint resources"
        raise misused("federation.mcsd", "FILE", str(problem), step) from None

    def proposed(directory: Directory) -> Proposal:
        return propose(
            directory,
            listed,
            now=services.clock(),
            own_home=services.config.node.home_community_id,
            development=services.config.node.development,
            permitted=services.config.federation.permitted_hosts,
        )

    shown = proposed(current)
    wanted = order.text("proposal", "")
    found: Result = {"proposal": shown.id, "changes": [asdict(one) for one in shown.changes], "version": 0}
    if not wanted:
        return found

    def edit(_: Content) -> Content:
        again = proposed(membership.required())
        if again.id != wanted:
            cause = "the file or the directory is not what it was when this proposal was shown"
            raise refused("federation.proposal", "--sign", cause, "see what it would change now, and sign that")
        return again.content

    what = f"proposal {wanted[:16]} from an mCSD directory, signed by {order.operator}"
    return {**found, "version": (await membership.change(edit, what)).version}
