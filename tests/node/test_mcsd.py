"""The directory of a federation as mCSD: what is exported is what is read, and nothing of a file counts unsigned."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.commands import mcsd_text
from node.membership.mcsd import read, write
from node.membership.proposals import Proposal, propose
from tests.trust.directory.federations import FEDERATION, Federation, accepted, community, home, node, row
from tests.trust.pki.making import NOW
from trust.directory.content import SUSPENDED, Content, Revoked
from trust.directory.directory import Directory
from trust.directory.signing import Malformed

NODES = [node(k) for k in range(1, 5)]
ENDPOINT_TYPES = "https://profiles.ihe.net/ITI/mCSD/CodeSystem/MCSDEndpointTypes"


def directory(*rows: Mapping[str, Any], **values: Any) -> Directory:
    signer = Federation()
    signer.content = Content(names={"en": "Region"}, members=rows, publishers=(home(1),), **values)
    return accepted(signer.pin, signer.sealed())


def bundle(*rows: Mapping[str, Any]) -> dict[str, Any]:
    made, left = write(Content(members=rows), FEDERATION, NOW)
    assert not left
    return made


def proposed(current: Directory, offered: Mapping[str, Any]) -> Proposal:
    rules = {"now": NOW, "own_home": home(1), "development": False, "permitted": ()}
    return propose(current, read(json.dumps(offered)), **rules)


def states(proposal: Proposal) -> dict[str, str]:
    return {one.home: one.state for one in proposal.changes}


def member(k: int, **values: object) -> dict[str, Any]:
    return row(community(k, NODES[k - 1], **values))


NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=20)
KEYS = st.from_regex(r"[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True)
VALUES = st.fixed_dictionaries(
    {
        "name": NAMES,
        "names": st.dictionaries(st.sampled_from(("de", "zh-Hans", "fr-CH")), NAMES),
        "more": st.sets(st.one_of(KEYS, st.just("iti-55")), max_size=4),
        "repository_unique_ids": st.lists(st.sampled_from(("2.999.1", "2.999.2", "2.999.3")), unique=True).map(tuple),
        "capabilities": st.sampled_from(((), ("xca", "witness"))),
        "quirks": st.sampled_from(({}, {"documents_per_request": 1, "languages": ("de", "fr")})),
    }
)


@settings(max_examples=40, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=3), st.booleans())
def test_what_is_exported_is_what_is_read(described: list[dict[str, Any]], suspended: bool) -> None:
    rows = []
    for k, values in enumerate(described, start=2):
        url = f"https://n{k}.example.org:8443"
        endpoints = {key: f"{url}/{key}" for key in ("iti-38", "iti-39", *sorted(values["more"]))}
        given_values = {key: value for key, value in values.items() if key != "more"}
        rows.append(member(k, endpoints=endpoints, **given_values))
    if suspended:
        rows[0]["status"] = SUSPENDED
    found = read(json.dumps(bundle(*rows)))
    assert [dict(one.row) for one in found] == rows
    assert all(one.complete and not one.faults for one in found)
    current = directory(member(1), *rows)
    again = proposed(current, bundle(member(1), *rows))
    assert set(states(again).values()) == {"same"}
    assert again.content == current.content


def test_the_elements_are_those_of_ihe() -> None:
    entries = bundle(member(2, repository_unique_ids=("2.999.2.7",)))["entry"]
    organization, query, retrieve = (entry["resource"] for entry in entries)
    assert organization["identifier"][0]["value"] == home(2)
    assert organization["endpoint"] == [{"reference": entry["fullUrl"]} for entry in entries[1:]]
    for one, code in ((query, "XCA-RespGateway-Query"), (retrieve, "XCA-RespGateway-Retrieve")):
        assert one["connectionType"] == {"system": ENDPOINT_TYPES, "code": "ihe-xca"}
        assert one["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == code
        assert one["managingOrganization"] == {"reference": entries[0]["fullUrl"]}
        assert one["payloadType"]
        assert not {"name", "header"} & one.keys()  # prohibited by IHE.mCSD.Endpoint.DocShare
    assert retrieve["identifier"][1]["value"] == "urn:oid:2.999.2.7"


def test_a_directory_of_others_moves_an_endpoint_and_keeps_what_fhir_cannot_say() -> None:
    old = member(2, assigning_authority="2.999.2.1", capabilities=("xca",)) | {"previous": NODES[3].pem}
    url = "https://n2.example.org:9443"
    foreign = {
        "resourceType": "Bundle",
        "entry": [
            {
                "resource": {
                    "resourceType": "Organization",
                    "id": "o",
                    "identifier": [{"type": {"coding": [{"code": "HCID"}]}, "value": home(2)}],
                    "name": "Institution 2",
                }
            },
            *(
                {
                    "resource": {
                        "resourceType": "Endpoint",
                        "id": code,
                        "status": "active",
                        "managingOrganization": {"reference": "Organization/o"},
                        "connectionType": {"code": "ihe-xca", "system": ENDPOINT_TYPES},
                        "extension": [
                            {
                                "url": "https://profiles.ihe.net/ITI/mCSD/StructureDefinition/ihe-endpointspecifictype",
                                "valueCodeableConcept": {"coding": [{"code": code}]},
                            }
                        ],
                        "address": f"{url}/{code}",
                    }
                }
                for code in ("XCA-RespGateway-Query", "XCA-RespGateway-Retrieve", "XDS-Registry-Query")
            ),
        ],
    }
    (change,) = (found := proposed(directory(member(1), old), foreign)).changes
    assert (change.state, change.text) == ("changed", "endpoints")
    moved = {"iti-38": f"{url}/XCA-RespGateway-Query", "iti-39": f"{url}/XCA-RespGateway-Retrieve"}
    assert found.content.member(home(2)) == old | {"endpoints": moved}
    assert states(proposed(directory(member(1)), foreign)) == {home(2): "left-out"}  # no certificate


def test_a_file_removes_nobody_and_leaves_the_signer_alone() -> None:
    current = directory(member(1), member(2), member(3))
    found = proposed(current, bundle(member(1, name="Somebody else"), member(4)))
    assert states(found) == {home(1): "left-out", home(4): "new"}
    assert found.content.members == (*current.content.members, member(4))


def test_a_file_brings_no_second_certificate_and_no_withdrawn_one() -> None:
    with_previous = member(2) | {"previous": NODES[3].pem}
    offered = bundle(member(2))
    rest = offered["entry"][0]["resource"]["extension"][0]
    rest["valueString"] = json.dumps(json.loads(rest["valueString"]) | {"previous": NODES[3].pem})
    assert states(proposed(directory(member(1), member(2)), offered)) == {home(2): "same"}
    assert proposed(directory(member(1), with_previous), offered).content.member(home(2)) == with_previous
    gone = Revoked(fingerprint=NODES[2].fingerprint, since="2026-01-01T00:00:00Z", reason="")
    assert states(proposed(directory(member(1), revoked=(gone,)), bundle(member(3)))) == {home(3): "left-out"}


@pytest.mark.parametrize(
    "values",
    [
        {"endpoints": {"iti-38": "http://n2.example.org/a", "iti-39": "https://n2.example.org/b"}},
        {"endpoints": {"iti-38": "https://elsewhere.example.org/a", "iti-39": "https://n2.example.org/b"}},
        {"name": " "},
        {"assigning_authority": "x"},
        {"quirks": {"big": "x" * 300}},
    ],
)
def test_what_peer_add_refuses_is_left_out(values: dict[str, Any]) -> None:
    found = proposed(directory(member(1), member(3)), bundle(member(2, **values), member(3)))
    assert states(found) == {home(2): "left-out", home(3): "same"}


def test_nobody_gets_the_certificate_of_another_member() -> None:
    certificate = node(3)
    both = [replace(community(3, certificate), home=home(k)) for k in (3, 4)]
    assert states(proposed(directory(member(1), row(both[0])), bundle(row(both[1])))) == {home(4): "left-out"}
    assert states(proposed(directory(member(1)), bundle(*map(row, both)))) == {home(3): "new", home(4): "left-out"}


@pytest.mark.parametrize("entry", [{"fullUrl": "urn:uuid:x"}, {}], ids=["another-url", "no-url"])
@pytest.mark.parametrize("changed", [{"id": "x"}, {"id": None}, {}], ids=["another-id", "no-id", "same-id"])
def test_an_institution_that_stands_twice_is_left_out(entry: dict[str, Any], changed: dict[str, Any]) -> None:
    offered = bundle(member(2))
    offered["entry"] += [{**entry, "resource": offered["entry"][0]["resource"] | changed}]
    assert states(proposed(directory(member(1)), offered)) == {home(2): "left-out"}


def test_an_id_is_of_one_file_and_one_directory() -> None:
    current, offered = directory(member(1)), bundle(member(2))
    ids = {
        proposed(current, offered).id,
        proposed(current, bundle(member(2), member(3))).id,
        proposed(directory(member(1), member(4)), offered).id,
    }
    assert len(ids) == 3
    assert proposed(current, offered).id in ids


@settings(max_examples=25, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5))
def test_any_value_anywhere_is_read_or_refused_in_words(value: object) -> None:
    offered = bundle(member(2))
    for entry in offered["entry"]:
        for key in list(entry["resource"]):
            changed = json.loads(json.dumps(offered))
            for one in changed["entry"]:
                if one["fullUrl"] == entry["fullUrl"]:
                    one["resource"][key] = value
            proposed(directory(member(1)), changed)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"resourceType":"Bundle","resourceType":"Bundle"}', "NaN", "[" * 99_999]
)
def test_what_is_no_bundle_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read(text)


def test_a_bundle_that_is_printed_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    result = {"bundle": {"entry": [{"name": "a\x9bb"}]}, "left_out": []}
    assert mcsd_text.show(result, Namespace(verb="export", file=None)) == 0
    assert json.loads(capsys.readouterr().out) == result["bundle"]
