"""`unknown_patient_is_error`: the communities are asked all the same, and the error comes when nobody knows the patient."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.nodes import AUTHORITY, Node, connect, free_base
from tests.end_to_end.wire import FAILURE, PARTIAL, SUCCESS, Document, find_documents
from tests.simulator.community import Community, Keys, hangs_up, refusing, running, truthful

ELSEWHERE = f"ELSEWHERE1^^^&{AUTHORITY}&ISO"
NOBODY = f"NOBODY1^^^&{AUTHORITY}&ISO"
HERE = f"HERE1^^^&{AUTHORITY}&ISO"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Community]]:
    """A node with the switch on, and one community."""
    folder = tmp_path_factory.mktemp("unknown")
    base = free_base(2)
    node, other = (Node(folder / f"node{k}", base + 10 * k, f"Institution {k}") for k in range(2))
    for one in (node, other):
        one.init(folder / "ca")
    connect([node, other])
    config = node.folder / "node.toml"
    text = config.read_text()
    assert "# unknown_patient_is_error = false" in text
    config.write_text(text.replace("# unknown_patient_is_error = false", "unknown_patient_is_error = true"))
    keys = other.folder / "keys"
    there = Community(other.home, Keys(keys / "tls.pem", keys / "tls.key", keys / "trust.pem"))
    there.port = other.base + 1
    there.holds(ELSEWHERE, Document(b"there"))
    node.know(HERE)
    try:
        with running(there):
            node.start()
            yield node, there
    finally:
        node.stop()


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
