"""The listener for browsers: on the `web` port of the node, beside the one for systems, which it never touches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from node.configuration.config import LOOPBACK, Config
from node.http.server import NodeServer
from node.web.desk import Desk
from node.web.pages import Pages
from node.web.provider import Provider
from trust.accounts.factors import Sealing
from trust.pki.tls import page_context

if TYPE_CHECKING:
    from node.http.incoming import Incoming, Outgoing
    from node.services import Services
    from trust.search.index import AuditIndex


class PageListener:
    """Pages at each of `addresses`, under the node's own certificate; a browser needs none."""

    def __init__(
        self,
        services: Services,
        dispatch: Callable[[Incoming], Awaitable[Outgoing]],
        index: AuditIndex,
        hosts: frozenset[str],
        addresses: Sequence[str],
    ) -> None:
        config = services.config
        self._files = config.folder.tls_chain, config.folder.tls_key
        self._context = page_context(str(config.folder.tls_chain), str(config.folder.tls_key), _anchors(config))
        self._desk = Desk(
            services=services,
            dispatch=dispatch,
            index=index,
            sealing=Sealing(config.folder.accounts_key),
            origin=config.web_url,
            provider=Provider(config),
        )
        services.sign_out = self._desk.sessions.end_of
        pages = Pages(self._desk, hosts)
        self.servers = {
            host: NodeServer(pages, pages.malformed, host=host, port=config.port("web"), tls=self._context)
            for host in addresses
        }

    def renew(self) -> None:
        """Show the certificate that lies there now to new connections, and close sessions that are over."""
        self._context.load_cert_chain(*self._files)
        self._desk.sessions.expire(asyncio.get_running_loop().time())

    async def stop(self, grace: float) -> None:
        """Sign everybody out and close."""
        self._desk.sessions.end_all()
        await asyncio.gather(*(server.stop(grace) for server in self.servers.values()))


def _anchors(config: Config) -> str:
    return str(config.root / config.sign_in.certificate_ca) if config.sign_in.certificate_ca else ""


def hosts_of(config: Config) -> frozenset[str]:
    """Names under which a request may ask for this node, lower case."""
    names = {config.node.host.lower()}
    if config.node.public_url:
        names.add((urlsplit(config.node.public_url).hostname or "").lower())
    if config.node.listen in LOOPBACK:
        names |= LOOPBACK
    return frozenset(names)
