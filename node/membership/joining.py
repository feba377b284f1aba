"""The side of a join that was invited: a short exchange with the node that invites, over TLS that is pinned both ways.

It runs in the command, because a node that has no certificate yet cannot run.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import tempfile
import time
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from node.configuration.config import Config
from node.faults import Faults, misused, refused, unreachable
from node.membership.seen import seen_of
from trust.addresses import resolved_fault, url_faults
from trust.communities import Community, describe
from trust.directory.comparison import NONCE_BYTES, Numbers, commitment, kept, numbers
from trust.directory.invitation import Invited
from trust.directory.signing import Malformed, decode, encode, text
from trust.ledger.record import canonical
from trust.pki import tls
from trust.pki.authority import request, requested_key
from trust.pki.certificates import fingerprint, to_pem

_PATH: Final = "/federation/join"
_SECONDS: Final = 20.0
_MOST: Final = 1 << 27


class Joining:
    """One join. `federation` and `inviter` are the names of both, once the other side has answered."""

    def __init__(self, config: Config, invited: Invited, community: Community, request: str, nonce: bytes) -> None:
        """`request` is the certificate request of this node; `community` has a certificate where it has its own."""
        self._config = config
        self._invited = invited
        self._row = {key: value for key, value in describe(community).items() if value not in ("", [])}
        self._request = request
        self._nonce = nonce
        self.federation = self.inviter = ""

    def begin(self) -> Numbers:
        """Introduce this node, commit, reveal: the numbers that both people read.

        Raises:
            Faults: not reachable, or the invitation does not count any more.
        """
        said = {"community": self._row, "request": self._request, "commitment": commitment(self._nonce)}
        first = self._ask({"step": "begin", **said})
        promised = _text(first, "commitment")
        self.federation, self.inviter = _text(first, "federation"), _text(first, "name")
        second = self._ask({"step": "reveal", "nonce": encode(self._nonce)})
        try:
            theirs = decode(second.get("nonce"), NONCE_BYTES)
        except Malformed:
            theirs = b""
        if not kept(theirs, promised):
            self.stop()
            step = "do not join; speak with the other administrator, and ask for a new invitation"
            raise refused("federation.commitment", self._invited.url, "it shows another nonce than it promised", step)
        key = requested_key(self._request.encode()).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        pin = self._invited.pin
        seen = seen_of(
            pin.federation,
            pin.root,
            self._invited.tls,
            sha256(key).hexdigest(),
            sha256(canonical(self._row)).hexdigest(),
        )
        return numbers(seen, theirs, self._nonce)

    def finish(self, seconds: float, pause: float = 0.5) -> Mapping[str, Any]:
        """Wait until the other person has typed our number: the certificate and the directory.

        Raises:
            Faults: the other side ended it, or nobody typed anything in time.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self._ask({"step": "finish"})
            if answer.get("state") == "done":
                return answer
            time.sleep(pause)
        step = "have the other administrator type your number; this command can be given again with a new invitation"
        raise unreachable("federation.waiting", self._invited.url, "the other side did not type your number", step)

    def stop(self) -> None:
        """End the invitation: the numbers differ."""
        with contextlib.suppress(Faults):  # it is over either way, and the fault to tell is another one
            self._ask({"step": "stop"})

    def _ask(self, content: Mapping[str, Any]) -> dict[str, Any]:
        url = self._invited.url
        try:
            status, body = self._post(json.dumps(content, ensure_ascii=False).encode())
            found = json.loads(body) if body else {}
        except _Other:
            cause = "another node answers there than the one that invited you"
            step = "do not join; ask the other administrator for a new invitation, by another way"
            raise refused("federation.other-node", url, cause, step) from None
        except (OSError, http.client.HTTPException, ValueError) as problem:
            step = "does that node run, and can this machine reach it? An invitation counts once and for 24 hours"
            raise unreachable("federation.unreachable", url, str(problem) or type(problem).__name__, step) from None
        if status == 200 and isinstance(found, dict):
            return found
        cause = str(found.get("text", "")) if isinstance(found, dict) else ""
        step = "ask the other administrator for a new invitation: xdsnode federation invite"
        raise refused("federation.void", url, cause or "the invitation is used, void or ended", step)

    def _post(self, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(self._invited.url)
        host, port = parts.hostname or "", parts.port or 443
        with tempfile.TemporaryDirectory(prefix="xdsnode-") as folder:
            chain, key = Path(folder) / "chain.pem", Path(folder) / "key.pem"
            chain.write_text(to_pem([self._invited.certificate()]), encoding="ascii")
            key.write_bytes(self._invited.key())
            context = tls.pinned_context(str(chain), str(key))
        with self._connected(host, port) as plain, context.wrap_socket(plain, server_hostname=host) as secured:
            if fingerprint(secured.getpeercert(binary_form=True) or b"") != self._invited.tls:
                raise _Other
            connection = http.client.HTTPConnection(host, port)
            connection.sock = secured
            connection.request("POST", _PATH, body, {"Content-Type": "application/json", "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST)

    def _connected(self, host: str, port: int) -> socket.socket:
        rules = {
            "development": self._config.node.development,
            "permitted": self._config.federation.permitted_hosts,
        }
        faults = url_faults(self._invited.url, **rules)  # type: ignore[arg-type]
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            if faults:
                break
            fault = resolved_fault(host, ip_address(address[0]), **rules)  # type: ignore[arg-type]
            if fault:
                faults.append(fault)
                break
            plain = socket.socket(family, kind, protocol)
            plain.settimeout(_SECONDS)
            plain.connect(address)
            return plain
        step = "[federation] permitted_hosts names private addresses that may be called: init --permit writes it"
        raise refused("federation.address", self._invited.url, "; ".join(faults), step)


class _Other(Exception):  # noqa: N818
    """Another certificate than the invitation names."""


def request_of(config: Config) -> str:
    """The certificate request of this node: what `init` wrote, or one of the same key.

    Raises:
        Faults: the key cannot be read.
    """
    path = config.folder.tls_key
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return config.folder.tls_request.read_text(encoding="ascii")
    except (OSError, ValueError) as problem:
        raise misused("federation.key", str(path), str(problem), "xdsnode check") from None
    return request(key, config.node.name[:64], [config.node.host])


def _text(answer: Mapping[str, Any], name: str) -> str:
    try:
        return text(answer.get(name), 200)
    except Malformed:
        return ""
