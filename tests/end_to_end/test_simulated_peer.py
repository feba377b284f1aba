"""A node with one simulated community.

`unknown_patient_is_error`: the community is asked all the same, and the error comes when nobody knows the patient.
`peer test`: every step up to a real query, each failure with the step that mends it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.end_to_end.couple import couple
from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.wire import FAILURE, NS, PARTIAL, SUCCESS, Document, find_documents, retrieve, urn
from tests.simulator.community import Community, garbage, hangs_up, query_answer, refusing, running, truthful

ELSEWHERE = f"ELSEWHERE1^^^&{AUTHORITY}&ISO"
NOBODY = f"NOBODY1^^^&{AUTHORITY}&ISO"
HERE = f"HERE1^^^&{AUTHORITY}&ISO"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Community]]:
    """A node with the switch on, and one community."""
    node, _, there = couple(tmp_path_factory.mktemp("unknown"))
    node.set("unknown_patient_is_error", "true")
    there.holds(ELSEWHERE, Document(b"there"))
    node.know(HERE)
    try:
        with running(there):
            node.start()
            yield node, there
    finally:
        node.stop()


FAULT = (
    f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["wsa"]}"><s:Header><wsa:Action>'
    "http://www.w3.org/2005/08/addressing/soap/fault</wsa:Action></s:Header><s:Body><s:Fault><s:Code>"
    "<s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text xml:lang='en'>access is refused</s:Text></s:Reason>"
    "</s:Fault></s:Body></s:Envelope>"
)


async def gives_anything(community, _request, asked):
    """Answers documents whatever it is asked."""
    return query_answer(asked, SUCCESS, f'<rim:ObjectRef id="{urn()}" home="{community.home}"/>')


@pytest.mark.parametrize(
    ("behaviour", "what", "next_step"),
    [
        pytest.param(truthful, "answered, as for a patient nobody knows", "", id="well"),
        pytest.param(refusing("XDSUnknownPatientId"), "answered, as for a patient nobody knows", "", id="it says so"),
        pytest.param(garbage(FAULT.encode(), status=403), "access is refused", "endpoints --export", id="not admitted"),
        pytest.param(refusing("XDSRegistryError"), "XDSRegistryError", "incident id", id="an error there"),
        pytest.param(gives_anything, "1 documents of a patient that cannot exist", "explained", id="it lies"),
        pytest.param(garbage(b"<html/>"), "cannot be read", "log there", id="garbage"),
    ],
)
def test_peer_test_ends_with_a_query(pair, behaviour, what, next_step) -> None:
    node, there = pair
    there.behaves(behaviour)
    before = len(there.asked)
    done = node.run("peer", "test", there.home, "--json", check=False)
    steps = json.loads(done.stdout)["steps"]
    assert done.returncode == (0 if not next_step else 3)
    assert [step["good"] for step in steps] == [True] * (len(steps) - 1) + [not next_step]
    assert what in steps[-1]["what"]
    assert all("ITI-55" not in step["what"] for step in steps), "what is not asked is not told of"
    assert next_step in steps[-1]["next_step"]
    (asked,) = there.asked[before:]
    assert asked.transaction == "iti-38"


def test_peer_test_is_on_record(pair) -> None:
    node, there = pair
    there.behaves(truthful)
    before = len(node.run("audit", "list", "--json").stdout.splitlines())
    node.run("peer", "test", there.home)
    lines = node.run("audit", "list", "--json").stdout.splitlines()[before:]
    kinds = [json.loads(line)["kind"] for line in lines]
    assert {1, 4, 7} <= set(kinds), "about to ask, answered, and who ordered it"


def test_peer_test_without_a_running_node_names_that(pair) -> None:
    node, there = pair
    there.behaves(truthful)
    node.stop()
    try:
        done = node.run("peer", "test", there.home, check=False)
    finally:
        node.start()
    assert done.returncode == 3
    assert "this node does not run" in done.stdout
    assert "next: xdsnode serve" in done.stdout


@pytest.mark.parametrize(
    ("patient", "behaviour", "scope", "status", "codes", "found"),
    [
        pytest.param(ELSEWHERE, truthful, "", SUCCESS, [], 1, id="known to another community"),
        pytest.param(NOBODY, truthful, "", SUCCESS, [], 0, id="a community that does not say whether it knows"),
        pytest.param(
            NOBODY, refusing("XDSUnknownPatientId"), "", FAILURE, ["XDSUnknownPatientId"], 0, id="known to nobody"
        ),
        pytest.param(NOBODY, hangs_up, "", PARTIAL, ["XDSUnavailableCommunity"], 0, id="nobody can say"),
        pytest.param(ELSEWHERE, truthful, "?scope=local", FAILURE, ["XDSUnknownPatientId"], 0, id="asked here alone"),
        pytest.param(HERE, refusing("XDSUnknownPatientId"), "", SUCCESS, [], 0, id="known here alone"),
    ],
)
def test_who_is_asked_and_what_comes(pair, patient, behaviour, scope, status, codes, found) -> None:
    node, there = pair
    there.behaves(behaviour)
    before = len(there.asked)
    answer = node.client().send("iti-18", find_documents(patient), query=scope)
    assert (answer.status, answer.codes, len(answer.entries())) == (status, codes, found)
    assert (len(there.asked) > before) is (not scope)


def test_what_another_community_makes_on_demand(pair) -> None:
    """It is found, fetched as often as asked with the id of what came, and on record with its patient."""
    node, there = pair
    there.behaves(truthful)
    patient = f"ONDEMAND1^^^&{AUTHORITY}&ISO"
    made = Document(b"first", on_demand=True)
    there.holds(patient, made)
    (found,) = json.loads(node.run("find", "--patient", patient, "--on-demand", "--json").stdout)["documents"]
    assert (found["unique_id"], found["on_demand"], found["size"]) == (made.unique_id, True, None)
    for content in (b"first", b"the second"):
        made.content = content
        answer = node.client().send("iti-43", retrieve((there.home, there.repository, made.unique_id)))
        assert answer.documents()[made.unique_id][1] == content
        (response,) = answer.body.findall("xds:DocumentResponse", NS)
        assert response.findtext("xds:NewDocumentUniqueId", "", NS) == f"{made.unique_id}.{len(content)}"
        assert response.find("xds:NewRepositoryUniqueId", NS) is None
    records = [json.loads(line) for line in node.run("audit", "list", "--json").stdout.splitlines()]
    came = [one["dicom"] for one in records if made.unique_id in one["dicom"] and "ITI-39" in one["dicom"]]
    assert len(came) == 2
    assert all(patient.replace("&", "&amp;") in one for one in came)
