"""ITI-92 Restricted Update Document Set: new versions of DocumentEntries (Restricted Metadata Update, 3.92).

The Update Responder of this community, for its own applications and, at a path of its own, for other communities (XCA
Persistence). What an application updates of another community's documents goes on to that community, and to no third
one. Whether it was done there is for that community to say: nothing is changed here.
"""

from __future__ import annotations

import sqlite3
from contextlib import aclosing
from typing import Final

from node.exchange import Exchange
from node.federation.answered import Answered
from node.federation.calls import update_call
from node.federation.client import UNREACHED
from node.outcome_words import Word
from node.update_policy import refusals_elsewhere
from node.updates import UpdateRequest, UpdateResult, carry_out, home_of, homes_of, patients_here
from registry.errors import ErrorCode, MissingHomeCommunityId, RegistryError, UnknownCommunity, XdsErrors
from trust.communities import Community
from trust.identity.caller import Role

_ENDPOINT: Final = "iti-92-gateway"
_NOT_DONE: Final = frozenset({Word.CERTIFICATE, Word.PAUSED, Word.NOT_ASKED, Word.REFUSED})
_IN_DOUBT: Final = "; whether the update was made there is not known: look at the document before you send it again"


async def forward(request: UpdateRequest, _incoming: object, exchange: Exchange) -> Answered | None:
    """What another community said, if one of our applications asks for an update there; else None.

    Raises:
        XdsErrors: it is for several communities, for one that cannot be asked, or against our own policy.
    """
    homes, own = homes_of(request.submission), exchange.actors.own.home
    if len(homes) > 1:
        text = f"one request updates documents of one community, not of {len(homes)}: {', '.join(homes)[:500]}"
        raise XdsErrors([RegistryError(ErrorCode.INVALID_REQUEST, text)])
    if exchange.caller.role is Role.PEER or not homes or homes == [own]:
        return None
    if request.faults:
        raise XdsErrors(request.faults)
    community = _asked(homes[0], exchange)
    patient = next(iter(patients_here(request.submission, exchange)), "")
    if refused := list(refusals_elsewhere(request.submission.documents, patient, community.home, exchange)):
        raise XdsErrors(refused)
    new_id = exchange.actors.new_uuid()
    call = update_call(request.submission, community, new_id, exchange.assertion, patient=patient)
    async with aclosing(exchange.actors.gateway.ask([call], exchange)) as arrivals:
        return await anext(arrivals)


def restricted_update_document_set(
    request: UpdateRequest, elsewhere: Answered | None, exchange: Exchange, connection: sqlite3.Connection
) -> UpdateResult:
    """Carry out every update of the submission, or none; or pass on what the community said that it is for.

    Raises:
        XdsErrors: another community asks, for a third one, or does not say for which.
    """
    if elsewhere is not None:
        return UpdateResult(None, _said(elsewhere))
    own, home = exchange.actors.own.home, home_of(request.submission)
    if exchange.caller.role is Role.PEER and not home:
        raise MissingHomeCommunityId("the submission set does not say which community it is for", location=own)
    if home and home != own:
        raise UnknownCommunity(f"{home} is not this community", location=own)
    return carry_out(request, "ITI-92", exchange, connection)


def _asked(home: str, exchange: Exchange) -> Community:
    community = exchange.actors.gateway.community(home)
    if community is None:
        raise UnknownCommunity(f"no community {home} is known here")
    if _ENDPOINT not in community.endpoints:
        text = f"{community.name} names no {_ENDPOINT}: it takes no updates, or what is known of it here is old"
        raise XdsErrors([RegistryError(ErrorCode.UNAVAILABLE_COMMUNITY, text, home)])
    return community


def _said(answered: Answered) -> tuple[RegistryError, ...]:
    """Its own errors, or the one that says why there is no answer: and then, whether it may have been done."""
    error = answered.error
    if error is None or answered.word in _NOT_DONE or answered.reason == UNREACHED:
        return answered.errors
    return (RegistryError(error.code, error.context + _IN_DOUBT, error.location, error.severity),)
