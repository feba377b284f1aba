"""The user behind a request: the assertion in its wsse:Security header, judged by `trust.identity` (ITI-40).

Whose assertions count is read from the configuration, from the descriptions of the connected communities and from this
node's own key, and read again when any of them changes: a withdrawn key is refused within a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from node.configuration.config import Config
from node.configuration.value_sets import value_sets
from node.soap.faults import SoapFault
from node.soap.limits import KIB, XmlLimits
from node.soap.message import Message
from node.soap.message import parse as parse_message
from node.soap.names import INCLUDE
from trust.communities import Community
from trust.errors import AssertionRefused, BadCertificate
from trust.identity import saml
from trust.identity.caller import Caller, Role
from trust.identity.issuers import Issuer, Issuers
from trust.identity.names import CONFIRMATIONS, HOLDER_OF_KEY, INVALID_HEADER, INVALID_TOKEN, UNAVAILABLE
from trust.identity.saml import Expected, User
from trust.identity.timestamp import check_timestamp
from trust.identity.verified import Verified
from trust.pki.certificates import from_pem

log = logging.getLogger("node.asserted")

LIMITS: Final = XmlLimits(size=64 * KIB, nodes=2000)
_HOLDER: Final = HOLDER_OF_KEY.encode()


def parse(data: bytes) -> etree._Element:
    """An assertion's bytes as a tree, within bounds of its own.

    Raises:
        AssertionRefused: it is not well formed, or larger than any assertion needs to be.
    """
    try:
        return parse_message(data, limits=LIMITS)
    except SoapFault as fault:
        raise AssertionRefused(INVALID_TOKEN, f"the assertion cannot be read: {fault}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted:
    """An accepted assertion: the user, who issued it, and its bytes as they came."""

    user: User
    issuer: Issuer
    raw: bytes

    def caller(self, caller: Caller) -> Caller:
        """The caller with the person behind it."""
        user = self.user
        return replace(
            caller,
            user=user.id,
            user_name=user.name,
            user_role=user.role,
            purpose=user.purpose,
            organisation=user.organisation,
            reason=user.assertion.reason,
        )


class Users:
    """Judges assertions for one node. `test_home` is the test community of a development node, "" for none."""

    def __init__(
        self, config: Config, communities: Callable[[], Sequence[Community]], test_home: Callable[[], str]
    ) -> None:
        """Read whose assertions count.

        Raises:
            Faults: the value sets cannot be read.
        """
        self._config = config
        self._communities = communities
        self._test_home = test_home
        self._found: tuple[Issuer, ...] = ()
        self._unreadable: set[str] = set()  # files that were complained about
        self._verified = Verified(Issuers(), parse)
        own = config.node.home_community_id
        self.roles, self.purposes = value_sets(config)
        self._expected = Expected(
            home=own,
            audiences=frozenset({own, config.base_url, *config.xua.audiences}),
            recipients=(config.base_url + "/",),
            skew=timedelta(seconds=config.xua.skew_seconds),
            roles=self.roles,
            purposes=self.purposes,
            required=config.xua.required,
        )
        self.reload()

    def reload(self) -> None:
        """Read the issuers again; when one has changed, nothing that was verified before counts."""
        found = tuple(self._issuers())
        if found != self._found:
            self._found = found
            self._verified.trust(Issuers(found))

    def of_request(
        self, message: Message, caller: Caller, certificate: bytes, now: datetime, *, vouched: bool = False
    ) -> Asserted | None:
        """The user behind a request; None when assertions play no role here, or there is none and none is needed.

        Args:
            message: the request.
            caller: in the role in which it asks.
            certificate: the caller's, DER.
            now: this moment.
            vouched: the message is of the node's own pages: it must name the person, whatever applications may do.

        Raises:
            AssertionRefused: there is one and it is not accepted, or there must be one.
        """
        required = self._config.xua.timestamp_required and not vouched
        if message.security or required:
            check_timestamp(message.security, self._expected.skew, now, required=required)
        peer = caller.role is Role.PEER
        mode = "required" if vouched else self._config.xua.peers if peer else self._config.xua.applications
        if mode == "off":
            return None
        if not message.security and b"Assertion" not in message.root:  # most messages: no need to search the tree
            element = None
        else:
            element = saml.only_assertion(message.element, message.security)
        if element is None:
            if mode == "required":
                raise AssertionRefused(INVALID_HEADER, f"{caller.name!r} asks without an assertion, which is required")
            return None
        if any(next(header.iter(INCLUDE), None) is not None for header in message.security):
            raise AssertionRefused(UNAVAILABLE, "a part of wsse:Security stands outside of the envelope (xop:Include)")
        raw = saml.raw_bytes(element)
        assertion, issuer = self._verified.authentic(raw, now)
        expected = replace(
            self._expected,
            home=caller.home if peer else self._expected.home,
            key=_public_key(certificate) if certificate and _HOLDER in raw else b"",
            required=() if vouched else self._expected.required,  # what an account here does not say, nobody can add
        )
        return Asserted(user=saml.accept(assertion, issuer, expected, now), issuer=issuer, raw=raw)

    def _issuers(self) -> Iterator[Issuer]:
        config, own = self._config, self._config.node.home_community_id
        homes = frozenset(filter(None, (own, self._test_home())))
        yield Issuer(
            name=own, certificates=self._read(config.folder.assertion_cert.name, config.keys.path), homes=homes
        )
        for one in config.xua.issuers:
            yield Issuer(
                name=one.issuer,
                certificates=tuple(found for name in one.certificates for found in self._read(name)),
                homes=frozenset(one.communities or (own,)),
                maximum_age=timedelta(seconds=one.maximum_age_seconds),
                one_time=one.one_time,
                confirmations=frozenset(CONFIRMATIONS[word] for word in one.confirmations),
            )
        for community in self._communities():
            for given in community.assertions:
                yield Issuer(
                    name=given.issuer, certificates=from_pem(given.certificates), homes=frozenset({community.home})
                )

    def _read(self, name: str, folder: str = "") -> tuple[x509.Certificate, ...]:
        """The certificates of a file; none when it is not there or cannot be read, and then nobody is believed."""
        path = self._config.root / folder / name
        try:
            found = from_pem(path.read_bytes())
        except (OSError, BadCertificate) as problem:
            if str(path) not in self._unreadable:
                self._unreadable.add(str(path))
                log.warning("nothing signed with it is accepted", extra={"path": str(path), "reason": str(problem)})
            return ()
        self._unreadable.discard(str(path))
        return found


@lru_cache(maxsize=64)
def _public_key(certificate: bytes) -> bytes:
    """SubjectPublicKeyInfo of a DER certificate that was accepted already."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
