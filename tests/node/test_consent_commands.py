"""`consent` and `policy` against real services: words, versions, refusals, and what is on record."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from node.commands import consent as consent_command
from node.faults import Faults
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, Bench


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from policy_bench.bench(policy_bench.config(tmp_path_factory.mktemp("commands")))


@pytest.fixture
def bench(made: Bench) -> Bench:
    made.consents([])
    return made


def records(bench: Bench, command: str) -> list[dict]:
    rows = bench.services.reader.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
    events = [json.loads(body)["event"] for (body,) in rows]
    return [event for event in events if event.get("type", [""])[0] == command]


def test_plain_words_become_codes(bench: Bench) -> None:
    added = bench.order(
        "consent add",
        **{
            "patient": "ANNA", "effect": "deny", "purposes": ["research", "marketing"], "roles": ["guardian", "1^2.999.3"],
            "communities": ["urn:oid:2.999.50"], "organisations": ["urn:oid:2.999.50.7"], "categories": ["hiv"],
            "kinds": ["NOTE^2.999.8.1"], "confidentiality": ["R"], "documents": ["2.999.4.1.1"], "users": ["<a@b>"],
            "authors": ["2.999.60"], "unbreakable": True, "as": "guardian", "until": "2099-01-31",
        },
    )["consent"]  # fmt: skip
    assert added["provisions"] == [
        {
            "effect": "deny",
            "purposes": ["HMARKT", "HRESCH"],
            "roles": [
                ["1", "2.999.3"], ["GUARD", "2.16.840.1.113883.5.110"], ["GUARD", "2.16.840.1.113883.5.111"],
                ["REP", "2.16.756.5.30.1.127.3.10.6"],
            ],
            "users": ["<a@b>"],
            "organisations": ["2.999.50.7"],
            "communities": ["2.999.50"],
            "author_institutions": ["2.999.60"],
            "confidentiality": ["R"],
            "categories": ["hiv"],
            "kinds": [["NOTE", "2.999.8.1"]],
            "documents": ["2.999.4.1.1"],
            "breakable": False,
        }
    ]  # fmt: skip
    assert (added["as"], added["recorded_by"], added["until"]) == ("guardian", "tester", "2099-01-31T00:00:00Z")
    shown = consent_command.in_words(added["provisions"][0])
    assert "categories: hiv" in shown
    assert shown.endswith("holds in an emergency too")


def test_a_permit_is_for_treatment_unless_it_says_more(bench: Bench) -> None:
    def purposes(**given: object) -> object:
        added = bench.order("consent add", patient="ANNA", effect="permit", **given)
        return added["consent"]["provisions"][0].get("purposes")

    assert purposes() == ["TREAT"]
    assert purposes(purposes=["any"]) is None
    assert purposes(purposes=["research"]) == ["HRESCH"]


def test_a_new_version_takes_the_place_and_the_old_one_stays_readable(bench: Bench) -> None:
    first = bench.order("consent add", patient="ANNA", effect="deny")["consent"]
    second = bench.order("consent add", patient="ANNA", effect="permit", replace=first["id"])["consent"]
    assert (second["id"], second["version"]) == (first["id"], 2)
    assert [one["version"] for one in bench.order("consent list", patient="ANNA")["consents"]] == [2]
    bench.order("consent withdraw", patient="ANNA", consent=first["id"])
    history = bench.order("consent show", patient="ANNA", consent=first["id"])["consents"]
    assert [(one["version"], one["status"]) for one in history] == [(1, "active"), (2, "active"), (3, "withdrawn")]
    assert [one["provisions"][0]["effect"] for one in history] == ["deny", "permit", "permit"]
    changes = [*records(bench, "consent add")[-2:], *records(bench, "consent withdraw")[-1:]]
    assert [(event["patient"], event["action"]) for event in changes] == [(ANNA, "C"), (ANNA, "U"), (ANNA, "U")]
    assert changes[-1]["objects"][1]["id"] == f"{first['id']}/3"


REFUSED = {
    "consent.word": {"effect": "permit", "purposes": ["fun"]},
    "consent.code": {"effect": "permit", "roles": ["chief"]},
    "consent.community": {"effect": "deny", "communities": ["Nobody Here"]},
    "consent.time": {"effect": "deny", "until": "tomorrow"},
    "consent.period": {"effect": "deny", "until": "2001-01-01"},
    "consent.unknown": {"effect": "deny", "replace": "0f8fad5b"},
    "patient.unknown": {"effect": "deny", "patient": "NOBODY"},
    "usage": {"effect": "deny", "roles": [1]},
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_meant_is_refused_with_a_next_step(bench: Bench, code: str) -> None:
    before = len(records(bench, "consent add"))
    with pytest.raises(Faults) as raised:
        bench.order("consent add", **({"patient": "ANNA"} | REFUSED[code]))
    (fault,) = raised.value.faults
    assert fault.code == code
    assert fault.cause
    assert fault.next_step
    assert len(records(bench, "consent add")) == before
    assert bench.order("consent list", patient="ANNA")["consents"] == []


def test_there_is_nothing_to_withdraw(bench: Bench) -> None:
    with pytest.raises(Faults) as raised:
        bench.order("consent withdraw", patient="ANNA")
    assert raised.value.faults[0].code == "consent.none"


def test_explain_names_rule_and_person(bench: Bench) -> None:
    """Of this institution's own applications too, which consent does not bind by default."""
    bench.order("consent add", patient="ANNA", effect="deny", documents=["2.999.4.1.1"])
    own = bench.order("policy explain", patient="ANNA", role="physician", purpose="treatment", user="dr")
    assert own["bound"] is False
    assert all(one["seen"] for one in own["documents"])
    with pytest.raises(Faults) as raised:
        bench.order("policy explain", patient="ANNA", community="urn:oid:2.999.50")
    assert raised.value.faults[0].code == "peer.unknown"
    with pytest.raises(Faults):
        bench.order("policy explain", patient="ANNA", role="chief")
    with pytest.raises(Faults) as raised:
        bench.order("policy explain", patient="ANNA", organisation="urn:oid:2.999.50.7")
    assert raised.value.faults[0].code == "policy.organisation"
    own_home = bench.services.config.node.home_community_id
    assert bench.order("policy explain", patient="ANNA", organisation=f"{own_home}.1")["bound"] is False
    assert records(bench, "policy explain")[-1]["patient"] == ANNA
