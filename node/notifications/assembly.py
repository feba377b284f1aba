"""The deliverer of a node: where it may send to, whom it trusts there, whose subscriptions still count."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from node.configuration.config import Config
from node.exchange import Actors
from node.federation.resolver import GuardedResolver
from node.notifications.delivery import Deliverer
from node.notifications.reach import Reach
from node.notifications.sending import Sender
from trust.addresses import url_faults
from trust.errors import BadCertificate
from trust.identity.caller import Caller, Role

if TYPE_CHECKING:
    from trust.pki.bindings import Bindings
    from trust.pki.contexts import NodeTls


def recipient_faults(config: Config) -> Callable[[str], list[str]]:
    """What is wrong with the address of a subscriber; private ones are named by the administrator."""
    return partial(url_faults, development=config.node.development, permitted=config.subscriptions.recipients)


def deliverer(config: Config, actors: Actors, tls: NodeTls, bindings: Bindings) -> Deliverer:
    """Made once, not started yet."""
    sender = Sender(
        partial(_context, config, tls),
        lambda: GuardedResolver(development=config.node.development, permitted=config.subscriptions.recipients),
    )
    return Deliverer(
        actors=actors,
        send=sender.send,
        admitted=partial(_admitted, actors, bindings),
        base_url=config.base_url,
        deadline=config.federation.deadline,
    )


def reach(config: Config, actors: Actors) -> Reach:
    """What subscribes at other communities, not started yet."""
    return Reach(actors=actors, base_url=config.base_url, deadline=config.federation.deadline)


def _admitted(actors: Actors, bindings: Bindings, caller: Caller) -> bool:
    """Whether a subscriber still has its place: a community is one of ours, a certificate of that name is in force."""
    if caller.role is Role.PEER:
        return actors.gateway.community(caller.home) is not None
    return bool(bindings.named(caller.name, caller.role))


def _context(config: Config, tls: NodeTls) -> ssl.SSLContext:
    anchors = ""
    if config.subscriptions.ca:
        try:
            anchors = (config.root / config.subscriptions.ca).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise BadCertificate(f"{config.subscriptions.ca} cannot be read: {problem}") from problem
    return tls.calling(anchors)
