"""Step 4: whether the certificate that they showed is theirs, and is good. Pure.

The judgement is that of the handshake (`trust.pki`); here its words become the row of the table that they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from cryptography import x509

from node.doctor.observations import Expected, Shaken
from node.doctor.steps import Row, Step, ok
from node.doctor.table import finding
from trust.errors import BadCertificate
from trust.pki.certificates import (
    Usage,
    check_peer_certificate,
    days_left,
    fingerprint_of,
    from_der,
    from_pem,
    names,
    names_host,
    subject,
)

_ALARM_DAYS: Final = 30
# What `trust.pki.certificates` and `.revocation` say, and the end of the code; the first that fits.
_WORDS: Final = (
    ("is valid only from", "future"),
    ("ended on", "ended"),
    ("RSA key of", "weak-key"),
    ("key on the curve", "weak-key"),
    ("neither RSA nor", "weak-key"),
    ("is signed with", "weak-signature"),
    ("is a CA certificate", "ca"),
    ("may sign certificates", "ca"),
    ("digitalSignature", "key-usage"),
    ("is not for TLS", "usage"),
    ("has no extendedKeyUsage", "no-usage"),
    ("critical extension", "extension"),
)
_LISTS: Final = (
    ("was revoked", "identity.revoked"),
    ("the revocation list of", "identity.old-list"),
    ("no revocation list", "identity.no-list"),
)


def judged(shaken: Shaken, expected: Expected, host: str, place: str) -> Iterator[Row]:
    """What is wrong with the certificate that was shown, or that it is the one that was added."""
    refused = shaken.words if shaken.trouble == "CERTIFICATE" else ""
    try:
        shown = from_der(shaken.shown)
        pinned = from_pem(expected.pins)
        found = list(_wrong(shown, pinned, expected, host, place))
    except BadCertificate as problem:
        yield finding("identity.refused", place, quoted=problem)
        return
    if refused and all(row.code == "identity.unbound" for row in found):
        lists = next((code for words, code in _LISTS if words in refused), "identity.refused")
        found.insert(0, finding(lists, place, quoted=refused))
    yield from found[:1]
    if not found:
        chain = from_pem(expected.chain)
        kept = "not revoked" if expected.lists else "no revocation lists are kept"
        what = f"the certificate that was added, one of a chain of {len(chain)}; {kept}"
        yield ok(Step.IDENTITY, f"{what}; {days_left(shown, expected.now)} days left", place)
        yield from _soon(shown, chain, expected.now, place)


def own_fault(certificate: x509.Certificate, now: datetime) -> tuple[str, str]:
    """What is wrong with this node's own certificate as that of a caller: code and words, both "" for nothing."""
    try:
        check_peer_certificate(certificate, now, usage=Usage.CLIENT)
    except BadCertificate as problem:
        ends = _ending(str(problem))
        return f"ours.{ends if ends in ('ended', 'future') else 'unfit'}", _said(problem)
    return "", ""


def _wrong(
    shown: x509.Certificate, pinned: tuple[x509.Certificate, ...], expected: Expected, host: str, place: str
) -> Iterator[Row]:
    if fingerprint_of(shown) not in {fingerprint_of(one) for one in pinned}:
        yield _another(shown, pinned[0], expected, host, place)
        return
    try:
        check_peer_certificate(shown, expected.now, usage=Usage.SERVER)
    except BadCertificate as problem:
        yield finding(f"identity.{_ending(str(problem))}", place, quoted=_said(problem))
    if not names_host(shown, host):
        listed = names(shown)
        wildcard = f"*.{host.partition('.')[2]}" in listed
        code = "nameless" if not listed else "wildcard" if wildcard else "name"
        yield finding(f"identity.{code}", place, host=host, quoted=", ".join(listed)[:200])
    if fingerprint_of(shown) not in expected.bound:
        yield finding("identity.unbound", place)


def _another(shown: x509.Certificate, added: x509.Certificate, expected: Expected, host: str, place: str) -> Row:
    if fingerprint_of(shown) == expected.own:
        return finding("identity.ourselves", place, place=place)
    if when := expected.withdrawn.get(fingerprint_of(shown)):
        return finding("identity.withdrawn", place, quoted=when)
    if (shown.subject, shown.issuer) == (added.subject, added.issuer):
        return finding("identity.renewed", place, quoted=fingerprint_of(shown))
    if names_host(shown, host) and shown.issuer != added.issuer:
        return finding("identity.inspected", place, host=host, quoted=shown.issuer.rfc4514_string()[:120])
    return finding("identity.other", place, place=place, quoted=repr(subject(shown)[:120]))


def _soon(shown: x509.Certificate, chain: tuple[x509.Certificate, ...], now: datetime, place: str) -> Iterator[Row]:
    left = days_left(shown, now)
    if left < _ALARM_DAYS:
        yield finding("identity.ending", place, quoted=left)
    for number, link in enumerate(chain[1:], 2):
        if now > link.not_valid_after_utc:
            ended = f"{number} of {len(chain)} ({subject(link)[:80]}) ended on {link.not_valid_after_utc:%Y-%m-%d}"
            yield finding("identity.chain", place, quoted=ended)


def _ending(words: str) -> str:
    return next((code for fragment, code in _WORDS if fragment in words), "refused")


def _said(problem: BadCertificate) -> str:
    return str(problem).removeprefix("the certificate ")
