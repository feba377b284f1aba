"""What a community's description refuses of it is refused of its answers too; nothing of such an answer is used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.federation.calls import query_call
from node.federation.client import PeerFault
from node.federation.peer_answer import PeerAnswer, checked
from node.outcome_words import Word
from node.soap.leniencies import NAMES
from node.soap.message import read_answer
from node.soap.writing import write_envelope
from registry.ebrim.messages import AdhocQuery, adhoc_query_response
from trust.communities import Community

NORTH = Community(
    home="urn:oid:2.999.7", name="North", endpoints={"iti-38": "https://n/"}, certificates="", fingerprint=""
)
QUERY = AdhocQuery("urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", "LeafClass", None)
EBXML = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:"
DEVIATING = {
    "relates-to-missing": lambda text: text.replace(b"RelatesTo>", b"Other>"),
    "action-not-must-understand": lambda text: text.replace(b' s:mustUnderstand="1"', b""),
    "padded-address": lambda text: text.replace(b"</wsa:Action>", b"\n</wsa:Action>"),
    "ebxml-partial-success": lambda text: text.replace(b":Success", b":PartialSuccess"),
}


@pytest.mark.parametrize("name", DEVIATING)
def test_refused_of_one_community(name: str) -> None:
    def answer(quirks: dict) -> PeerAnswer:
        call = query_call(QUERY, replace(NORTH, quirks=quirks), "urn:uuid:1")
        envelope = write_envelope("urn:a", adhoc_query_response(f"{EBXML}Success", (), ()), relates_to=call.message_id)
        return checked(call, PeerAnswer(message=read_answer(DEVIATING[name](envelope)), digest=b""))

    others = ",".join(one for one in NAMES if one != name)
    for tolerant in ({}, {"refused_leniencies": others}):
        assert answer(tolerant).message.leniencies == {name}
    for strict in ("all", name):
        with pytest.raises(PeerFault, match=f"not tolerated of it.*{name}") as refused:
            answer({"refused_leniencies": strict})
        assert refused.value.word is Word.PROTOCOL
