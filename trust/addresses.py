"""Which hosts this node may be told to call: a description of a community must not turn it against its own network.

Pure: names are not resolved here. What a name resolves to is judged by the caller with `address_fault`, at each
connection, because an answer of DNS can change after the URL was accepted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MOST_URL: Final = 2048
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*", re.ASCII)
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.ASCII)  # last label of what some resolvers take for an IPv4
_URL: Final = re.compile(r"[!-\[\]-~]+", re.ASCII)  # visible ASCII without the backslash
_INSIDE: Final = ("local", "internal", "intranet", "lan", "home", "corp", "home.arpa")
# Addresses that carry an IPv4 address inside: a way around every list of networks.
_WRAPPING: Final = tuple(
    map(
        ipaddress.IPv6Network,
        ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    )
)


def url_faults(url: str, *, development: bool, permitted: Sequence[str] = ()) -> list[str]:
    """What is wrong with an endpoint of another community; empty when it may be called.

    `permitted` are hosts or networks ("10.1.0.0/16") an administrator named: those alone may be private. In a
    development node loopback is permitted as well.
    """
    if not url or len(url) > _MOST_URL or not _URL.fullmatch(url):
        return ["is not a URL of visible ASCII characters"]
    try:
        parts = urlsplit(url)
        faults = list(_shape_faults(parts))
        host = parts.hostname or ""
    except ValueError as fault:
        return [f"is not a URL: {fault}"]
    if host:
        faults += host_faults(host, development=development, permitted=permitted)
    return faults


def host_of(url: str) -> str:
    """The host of a URL that `url_faults` found good."""
    return urlsplit(url).hostname or ""


def host_faults(host: str, *, development: bool, permitted: Sequence[str] = ()) -> list[str]:
    """What is wrong with a host name or address as a place to call."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _name_faults(host.lower(), development=development, permitted=permitted)
    fault = address_fault(address, development=development, permitted=permitted)
    return [fault] if fault else []


def address_fault(address: Address, *, development: bool, permitted: Sequence[str] = ()) -> str:
    """Why this node does not connect to `address`, "" when it does. Resolvers ask it for every address they found."""
    if getattr(address, "scope_id", None):
        return f"{address} has a zone"
    if isinstance(address, ipaddress.IPv6Address) and _wraps_ipv4(address):
        return f"{address} wraps an IPv4 address; write that one"
    if address.is_multicast or address.is_unspecified or address == ipaddress.IPv4Address("255.255.255.255"):
        return f"{address} is no address of a single host"
    if _is_permitted(address, permitted) or (address.is_loopback and development):
        return ""
    if address.is_loopback:
        return f"{address} is this machine itself"
    if address.is_link_local:
        return f"{address} is link-local, where cloud metadata services answer"
    if not address.is_global:
        return f"{address} is not a public address; permit it explicitly if the other node is there"
    return ""


def resolved_fault(host: str, address: Address, *, development: bool, permitted: Sequence[str] = ()) -> str:
    """`address_fault` of an address that `host` resolved to.

    A host that an administrator named may have a private address, but not be this machine or a metadata service.
    """
    fault = address_fault(address, development=development, permitted=permitted)
    if fault and host.lower() in {one.lower() for one in permitted}:
        own = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
        wrapping = isinstance(address, ipaddress.IPv6Address) and _wraps_ipv4(address)
        return fault if own or wrapping else ""
    return fault


def _wraps_ipv4(address: ipaddress.IPv6Address) -> bool:
    plain = address.is_loopback or address.is_unspecified
    return not plain and any(address in network for network in _WRAPPING)


def _is_permitted(address: Address, permitted: Sequence[str]) -> bool:
    for one in permitted:
        try:
            network = ipaddress.ip_network(one)
        except ValueError:
            continue
        if address.version == network.version and address in network:
            return True
    return False


def _shape_faults(parts: SplitResult) -> Iterator[str]:
    if parts.scheme != "https":
        yield "does not begin with https://"
    if "@" in parts.netloc:
        yield "carries a user name"
    if parts.fragment or parts.query:
        yield "has a query or fragment"
    if not parts.hostname:
        yield "has no host"
    if parts.port == 0:
        yield "has port 0"


def _name_faults(host: str, *, development: bool, permitted: Sequence[str]) -> list[str]:
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return [f"{host} is an IPv4 address in an unusual spelling"]
    if len(host) > 253 or not _NAME.fullmatch(host):
        return [f"{host[:80]} is not a host name"]
    if host in {one.lower() for one in permitted}:
        return []
    if host == "localhost" or host.endswith(".localhost"):
        return [] if development else [f"{host} is this machine itself"]
    if "." not in host or host.endswith(tuple(f".{top}" for top in _INSIDE)):
        return [f"{host} is a name inside one network; permit it explicitly if the other node is there"]
    return []
