"""Assertions that this node makes: `assertion issue` for its own users, `assertion test` for tests of receivers.

Whoever may use the control socket is believed about the user: it is the node's own system user, or root. The audit
record names both the operator and the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from node.administration.orders import Order, Result
from node.asserted import parse
from node.faults import refused
from node.security_records import signed_in
from trust.audit.event import Coded
from trust.consent.words import PURPOSES, ROLES
from trust.errors import AssertionRefused
from trust.identity.assertion import read_assertion
from trust.identity.issuers import ValueSet
from trust.identity.making import LIFETIME, Draft, signed, unsigned
from trust.identity.names import BY_PASSWORD
from trust.pki import assertion_key

_DOCTOR: Final = Coded("112247003", "2.16.840.1.113883.6.96", "Medical doctor")
_NURSE: Final = Coded("106292003", "2.16.840.1.113883.6.96", "Professional nurse")
_TREATMENT: Final = Coded("TREAT", "2.16.840.1.113883.5.8", "treatment")
_EMERGENCY: Final = Coded("ETREAT", "2.16.840.1.113883.5.8", "emergency treatment")

# Plain words of consent policies, too: `--role physician --purpose treatment`.
ROLE_WORDS: Final[Mapping[str, str]] = {word: min(codes)[0] for word, codes in ROLES.items()}

Change = Callable[[Draft], Draft]


def _shifted(draft: Draft, by: timedelta) -> Draft:
    times = {name: getattr(draft, name) + by for name in ("issued", "not_before", "not_on_or_after", "authenticated")}
    return replace(draft, **times)


# The variants of NIST's XUA plans; "unsigned" differs in what is left out.
VARIANTS: Final[Mapping[str, Change]] = {
    "valid": lambda draft: draft,
    "expired": lambda draft: _shifted(draft, -2 * LIFETIME),
    "notyetvalid": lambda draft: _shifted(draft, 2 * LIFETIME),
    "unsigned": lambda draft: draft,
    "unknownaudience": lambda draft: replace(draft, audiences=("urn:oid:2.999.404",)),
    "invalidauthnstatement": lambda draft: replace(draft, contexts=()),
    "secondauthncontext": lambda draft: replace(draft, contexts=(*draft.contexts, BY_PASSWORD)),
    "secondpurposeofuse": lambda draft: replace(draft, purposes=(*draft.purposes, _EMERGENCY)),
    "secondrole": lambda draft: replace(draft, roles=(*draft.roles, _NURSE)),
    "withauthzconsent": lambda draft: replace(
        draft, consents=("urn:oid:2.999.1.7.1",), policies=("urn:oid:2.999.1.7.2",)
    ),
}


def for_operator(order: Order) -> bytes:
    """An assertion about the operator, for what this node itself asks another one to see whether it answers."""
    purpose = order.services.users.purposes.by_code(PURPOSES["administration"])
    draft = replace(_draft(order, order.operator), home=order.services.config.node.home_community_id)
    return _signed(order, replace(draft, purposes=(purpose,) if purpose else ()))


async def issue(order: Order) -> Result:
    """An assertion about a user whom this node's operator names, for this node and every connected one."""
    services = order.services
    draft = replace(
        _draft(order, order.text("user")),
        roles=coded(order, "role", services.users.roles, ROLE_WORDS),
        purposes=coded(order, "purpose", services.users.purposes, PURPOSES),
        home=services.config.node.home_community_id,
        patient=order.patient() if order.text("patient", "") else "",
        npi=order.text("npi", ""),
        reason=order.text("reason", "").strip()[:500],
    )
    text = _signed(order, _readable(order, draft)).decode()
    await order.record(
        [
            signed_in(
                services.clock(),
                node=services.config.node.home_community_id,
                user=f"<{draft.subject}@{draft.issuer}>",
                name=draft.name,
                by=order.operator,
                what="assertion issued",
            )
        ]
    )
    return {"assertion": text, "id": draft.id}


async def test(order: Order) -> Result:
    """An assertion in one of the variants that receivers are tested with; of development nodes alone."""
    if not order.services.config.node.development:
        step = "make a node for tests: xdsnode init --dev"
        raise refused("assertion.development", order.command, "only a development node makes test assertions", step)
    variant = order.text("variant", "valid")
    change = VARIANTS.get(variant)
    if change is None:
        step = f"one of: {', '.join(VARIANTS)}"
        raise refused("assertion.variant", variant, "there is no such variant", step)
    draft = _draft(order, "jdoe@test.example")
    draft = change(replace(draft, name="Jane Doe", roles=(_DOCTOR,), purposes=(_TREATMENT,)))
    made = unsigned(draft) if variant == "unsigned" else _signed(order, draft)
    return {"assertion": made.decode(), "variant": variant}


def _draft(order: Order, user: str) -> Draft:
    services = order.services
    own, now = services.config.node, services.clock()
    return Draft(
        id="_" + services.new_uuid().rpartition(":")[2],
        issuer=own.home_community_id,
        issued=now,
        not_before=now,
        not_on_or_after=now + LIFETIME,
        authenticated=now,
        audiences=(own.home_community_id, *(one.home for one in services.communities.all())),
        subject=user,
        name=user,
        organisation=own.name,
        organisation_id=own.home_community_id,
    )


def _readable(order: Order, draft: Draft) -> Draft:
    """What this node says it would accept itself.

    Raises:
        Faults: a name or reason is empty, too long, or holds what no assertion should.
    """
    try:
        read_assertion(parse(unsigned(draft)))
    except (AssertionRefused, UnicodeEncodeError) as problem:
        step = "write names and reasons as plain printable text of at most 512 characters"
        raise refused("assertion.text", order.command, str(problem), step) from None
    return draft


def _signed(order: Order, draft: Draft) -> bytes:
    folder = order.services.config.folder
    return signed(draft, *assertion_key.read(folder.assertion_key, folder.assertion_cert))


def coded(order: Order, name: str, values: ValueSet, words: Mapping[str, str]) -> tuple[Coded, ...]:
    """The code that an argument says, itself or by a plain word; none where it says nothing.

    Raises:
        Faults: the value set has no such code.
    """
    code = order.text(name, "")
    if not code:
        return ()
    found = values.by_code(words.get(code, code))
    if found is None:
        known = ", ".join(f"{one} ({text})" for (one, _), text in values.codes.items())
        raise refused(
            f"assertion.{name}", code, "this code is not in the value set, or in it twice", f"one of: {known}"
        )
    return (found,)
