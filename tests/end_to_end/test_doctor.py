"""`xdsnode doctor` with real nodes and a simulated community: healthy, and wrong in one way each after the handshake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from node.doctor.answers import REASONS, Asked, of_query, of_receipts, of_speed
from node.doctor.steps import NETWORK
from node.doctor.table import CAUSES
from node.federation import client, engine, gateway, peer_answer
from node.membership import membership
from node.witness import forks
from tests.commands import command
from tests.end_to_end.couple import couple
from tests.end_to_end.nodes import Node, free_base
from tests.end_to_end.wire import FAILURE, NS, SUCCESS, Document, urn
from tests.simulator.community import (
    Community,
    Held,
    garbage,
    hangs_up,
    query_answer,
    refusing,
    retrieve_answer,
    running,
    silent,
    truthful,
)
from trust.ledger.receipt import HEADER, Flaw

DEADLINE = 2.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Community]]:
    """A node with a short deadline, and one community."""
    node, other, there = couple(tmp_path_factory.mktemp("doctor"))
    plain = other.folder / "export.json"  # the simulated community does not speak ITI-55
    export = json.loads(plain.read_text())
    del export["endpoints"]["iti-55"]
    plain.write_text(json.dumps(export))
    node.run("peer", "add", str(plain), "--fingerprint", export["fingerprint"], "--replace")
    node.set("deadline", str(DEADLINE))
    try:
        with running(there):
            node.start()
            yield node, there
    finally:
        node.stop()


def fault(code: str, subcode: str, reason: str, status: int = 400):
    """A SOAP fault."""
    sub = f"<s:Subcode><s:Value>q:{subcode}</s:Value></s:Subcode>" if subcode else ""
    envelope = (
        f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["wsa"]}" xmlns:q="urn:q"><s:Header><wsa:Action>'
        f"http://www.w3.org/2005/08/addressing/soap/fault</wsa:Action></s:Header><s:Body><s:Fault><s:Code>"
        f"<s:Value>s:{code}</s:Value>{sub}</s:Code><s:Reason><s:Text xml:lang='en'>{reason}</s:Text></s:Reason>"
        "</s:Fault></s:Body></s:Envelope>"
    )
    return garbage(envelope.encode(), status=status)


def at(transaction: str, behaviour):
    """This behaviour at one transaction, the truth at the others."""

    async def behave(community, request, asked):
        return await (behaviour if asked.transaction == transaction else truthful)(community, request, asked)

    return behave


def changed(change):
    """The truth, with its response changed."""

    async def behave(community, request, asked):
        response = await truthful(community, request, asked)
        change(response)
        return response

    return behave


async def gives_anything(community, _request, asked):
    return query_answer(asked, SUCCESS, f'<rim:ObjectRef id="{urn()}" home="{community.home}"/>')


async def only_failure(_community, _request, asked):
    return query_answer(asked, FAILURE, "")


async def only_success(_community, _request, asked):
    return retrieve_answer(asked, SUCCESS)


async def has_everything(community, request, asked):
    if asked.transaction == "iti-39":
        wanted = asked.body.findtext(".//xds:DocumentUniqueId", "", NS)
        document = Document(b"there")
        document.unique_id = wanted
        community.held = [Held("P1", document)]
    return await truthful(community, request, asked)


async def answers_another(community, request, asked):
    asked.message_id = urn()
    return await truthful(community, request, asked)


async def answers_a_retrieve(community, request, asked):
    asked.transaction = "iti-39"
    return await truthful(community, request, asked)


def compress(response: web.Response) -> None:
    response.headers["Content-Encoding"] = "br"


def bad_receipt(response: web.Response) -> None:
    response.headers[HEADER] = "bm90aGluZw=="


BEHAVIOURS = {
    "answer.late": silent,
    "answer.broken": hangs_up,
    "answer.unreadable": garbage(b"<html/>"),
    "answer.address": garbage(b"", status=404),
    "answer.redirect": garbage(b"", status=302),
    "answer.status": garbage(b"", status=418),
    "answer.down": garbage(b"bad gateway", "text/plain", status=502),
    "answer.misdirected": garbage(b"", status=421),
    "answer.compressed": changed(compress),
    "answer.no-soap": garbage(b"<html></html>", "text/html"),
    "answer.other-request": answers_another,
    "answer.other-root": answers_a_retrieve,
    "answer.action": fault("Sender", "ActionNotSupported", "the action is not supported"),
    "answer.understand": fault("MustUnderstand", "", "a header is not understood", 500),
    "answer.version": fault("VersionMismatch", "", "SOAP 1.1 alone", 500),
    "answer.busy": fault("Receiver", "EndpointUnavailable", "busy", 503),
    "answer.fault": fault("Receiver", "", "out of order", 500),
    "ours.not-added": fault("Sender", "FailedAuthentication", "access is refused", 403),
    "statement.refused": fault("Sender", "InvalidSecurityToken", "the assertion is not accepted"),
    "statement.untrusted": fault("Sender", "FailedCheck", "the assertion is not accepted"),
    "statement.kind": fault("Sender", "UnsupportedSecurityToken", "the assertion is not accepted"),
    "statement.form": fault("Sender", "InvalidSecurity", "the assertion is not accepted"),
    "query.community": refusing("XDSUnknownCommunity"),
    "query.store": refusing("XDSRegistryNotAvailable"),
    "query.stored": refusing("XDSUnknownStoredQuery"),
    "query.error": refusing("XDSRegistryError"),
    "query.failure": only_failure,
    "query.lies": gives_anything,
    "retrieve.repository": at("iti-39", refusing("XDSUnknownRepositoryId")),
    "retrieve.error": at("iti-39", refusing("XDSRepositoryError")),
    "retrieve.silent": at("iti-39", only_success),
    "retrieve.lies": has_everything,
    "receipt.missing": truthful,
    "receipt.malformed": changed(bad_receipt),
}


def examined(node: Node, *words: str) -> tuple[int, list[dict]]:
    done = node.run("doctor", *words, "--json", check=False)
    (one,) = json.loads(done.stdout)["institutions"]
    return done.returncode, one["steps"]


@pytest.mark.parametrize("code", BEHAVIOURS)
def test_what_the_answers_show(pair, code: str) -> None:
    node, there = pair
    there.behaves(BEHAVIOURS[code])
    status, steps = examined(node, there.home)
    found = [step for step in steps if step["level"] in ("WARN", "FAIL")]
    assert [step["code"] for step in found] == [code], found
    assert status == 1
    assert found[0]["next_step"]
    assert found[0]["step"] == (9 if code.startswith("answer.") else CAUSES[code].step)
    later = [step for step in steps if step["step"] > found[0]["step"]]
    if found[0]["level"] == "FAIL":
        untried = [step for step in later if step["level"] == "-"]
        assert untried
        assert all(code in step["what"] for step in untried), "each says because of what"


def test_a_fault_of_the_retrieve_alone_belongs_to_it(pair) -> None:
    node, there = pair
    there.behaves(at("iti-39", garbage(b"", status=404)))
    _, steps = examined(node, there.home)
    assert [(step["step"], step["code"]) for step in steps if step["level"] == "FAIL"] == [(10, "answer.address")]


def test_a_node_that_does_not_run_can_still_look(pair) -> None:
    node, there = pair
    there.behaves(truthful)
    node.stop()
    try:
        status, steps = examined(node)
    finally:
        node.start()
    assert status == 1
    assert [step["code"] for step in steps if step["level"] == "FAIL"] == ["node.away"]
    assert [step["level"] for step in steps if step["step"] <= 5] == ["OK"] * 5


def test_a_community_that_is_away(pair, tmp_path) -> None:
    node, there = pair
    export = json.loads((node.folder.parent / "node1" / "export.json").read_text())
    export["endpoints"] = {
        name: url.replace(str(there.port), str(there.port + 7)) for name, url in export["endpoints"].items()
    }
    (tmp_path / "moved.json").write_text(json.dumps(export))
    fingerprint = export["fingerprint"]
    node.run("peer", "add", str(tmp_path / "moved.json"), "--fingerprint", fingerprint, "--replace")
    try:
        done = node.run("doctor", check=False)
    finally:
        original = node.folder.parent / "node1" / "export.json"
        node.run("peer", "add", str(original), "--fingerprint", fingerprint, "--replace")
    assert done.returncode == 3
    assert "[reach.refused]" in done.stdout
    assert "not tried: reach (reach.refused) comes first: 3 encryption, 4 their identity" in done.stdout


@pytest.fixture
def described(pair, tmp_path):
    """Gives the node another description of the community for the time of one test."""
    node, _ = pair
    original = node.folder.parent / "node1" / "export.json"
    export = json.loads(original.read_text())

    def describe(*words: str, without: tuple[str, ...] = ()) -> None:
        content = {name: value for name, value in export.items() if name not in without}
        (tmp_path / "described.json").write_text(json.dumps(content))
        added = ("--fingerprint", export["fingerprint"], "--replace", *words)
        node.run("peer", "add", str(tmp_path / "described.json"), *added)

    yield describe
    back = ("--fingerprint", export["fingerprint"], "--replace", "--audit-proof", "optional")
    node.run("peer", "add", str(original), *back)


def test_a_community_that_speaks_plain_ihe_is_well(pair, described) -> None:
    node, there = pair
    there.behaves(truthful)
    described(without=("audit", "repository_unique_ids"))
    status, steps = examined(node, there.home)
    assert status == 0
    codes = [step["code"] for step in steps if step["level"] == "INFO"]
    assert codes == ["discovery.none", "retrieve.none", "receipt.none"]


def test_one_that_offers_to_find_patients_and_cannot(pair, tmp_path) -> None:
    node, there = pair
    there.behaves(truthful)
    original = node.folder.parent / "node1" / "export.json"
    export = json.loads(original.read_text())
    export["endpoints"]["iti-55"] = export["endpoints"]["iti-38"].replace("iti-38", "nowhere")
    path = tmp_path / "offers.json"
    path.write_text(json.dumps(export))
    node.run("peer", "add", str(path), "--fingerprint", export["fingerprint"], "--replace")
    try:
        status, steps = examined(node, there.home)
        assert status == 1
        assert [(step["step"], step["code"]) for step in steps if step["level"] == "FAIL"] == [(8, "discovery.error")]
    finally:
        node.run("peer", "add", str(original), "--fingerprint", export["fingerprint"], "--replace")


def test_without_a_receipt_that_must_come_nothing_is_well(pair, described) -> None:
    node, there = pair
    there.behaves(truthful)
    described("--audit-proof", "required")
    status, steps = examined(node, there.home)
    assert status == 1
    assert [(step["code"]) for step in steps if step["level"] == "FAIL"] == ["receipt.missing"]
    assert node.run("peer", "test", there.home, check=False).returncode == 3


def test_without_statements_about_users(pair) -> None:
    node, there = pair
    config = node.folder / "node.toml"
    before = config.read_text()
    node.stop()
    assert 'peers = "accepted"' in before
    config.write_text(before.replace('peers = "accepted"', 'peers = "off"'))
    node.start()
    try:
        there.behaves(truthful)
        _, steps = examined(node, there.home)
        assert "statement.off" in [step["code"] for step in steps if step["level"] == "INFO"]
        there.behaves(fault("Sender", "InvalidSecurity", "the assertion is not accepted"))
        status, steps = examined(node, there.home)
        assert status == 1
        assert [step["code"] for step in steps if step["level"] == "FAIL"] == ["statement.required"]
    finally:
        node.stop()
        config.write_text(before)
        node.start()


def test_a_node_that_has_lost_its_key_for_statements(pair) -> None:
    node, there = pair
    there.behaves(truthful)
    (key,) = (node.folder / "keys").glob("assertion*.key")
    kept = key.rename(key.with_suffix(".kept"))
    try:
        status, steps = examined(node, there.home)
    finally:
        kept.rename(key)
    assert status == 1
    assert [step["code"] for step in steps if step["level"] == "FAIL"] == ["statement.key"]


@pytest.mark.parametrize("code", ["ours.none", "ours.files"])
def test_a_node_without_a_usable_certificate(pair, code: str) -> None:
    node, there = pair
    there.behaves(truthful)
    chain = node.folder / "keys" / "tls.pem"
    kept = chain.rename(chain.with_suffix(".kept"))
    if code == "ours.files":
        chain.write_text("no certificate")
    try:
        status, steps = examined(node, there.home)
    finally:
        kept.rename(chain)
    assert status == 1
    assert [step["code"] for step in steps if step["level"] == "FAIL"] == [code]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("is not asked or answered: FORKED", "query.forked"),
        ("is not asked or answered: the directory of the federation ended on 2026-12-14 06:08Z", "directory.ended"),
        ("is not who it should be, or does not accept our certificate", "answer.identity"),
        ("cannot be reached", "answer.unreachable"),
        ("answered two parts with one Content-ID", "answer.parts"),
        ("sent more than 67108864 bytes", "answer.too-large"),
    ],
)
def test_reasons_that_take_more_than_one_peer_to_induce(reason: str, code: str) -> None:
    assert [row.code for row in of_query(Asked(place="there:443", said=True, reason=reason))][-1] == code


def test_the_words_of_every_reason_are_those_of_the_gateway() -> None:
    sources = "".join(
        Path(module.__file__).read_text() for module in (client, peer_answer, engine, gateway, forks, membership)
    )
    assert [words for words, _ in REASONS if words not in sources] == []


def test_a_name_that_nobody_has(pair) -> None:
    node, _ = pair
    done = node.run("doctor", "Clinic Nowhere", check=False)
    assert done.returncode == 1
    assert "no connected institution has this name" in done.stderr


@pytest.mark.parametrize("flaw", list(Flaw))
def test_every_flaw_of_a_receipt_has_its_row(flaw: Flaw) -> None:
    row = of_receipts([Asked(place="there:443", said=True, flaw=str(flaw), cause="as it was judged")])
    assert row.code == f"receipt.{flaw}"


@pytest.mark.parametrize(
    ("network", "times", "lost", "codes"),
    [
        pytest.param(0.2, [0.1] * 9 + [5.1], 0, ["speed.server"], id="their server"),
        pytest.param(2.9, [0.1] * 9 + [3.0], 0, ["speed.network"], id="the way"),
        pytest.param(0.2, [0.1] * 10, 2, ["speed.lost"], id="lost"),
        pytest.param(0.2, [2.0] * 10, 0, [""], id="well"),
    ],
)
def test_speed(network: float, times: list[float], lost: int, codes: list[str]) -> None:
    asked = [
        Asked(place="there:443", said=True, seconds=one, reason="broke off" if at < lost else "")
        for at, one in enumerate(times)
    ]
    assert [row.code for row in of_speed(asked, network)] == codes


def test_without_a_database_nobody_can_be_looked_at(tmp_path) -> None:
    node = Node(tmp_path / "node", free_base(), "Alone").init(tmp_path / "ca")
    (node.folder / "data" / "node.db").unlink()
    done = node.run("doctor", check=False)
    assert done.returncode == 1
    assert "error doctor.database" in done.stderr
    assert "next:  xdsnode check" in done.stderr


def test_the_table_is_printed() -> None:
    done = command("doctor", "--table")
    assert all(code in done.stdout for code in CAUSES)


def test_real_nodes_are_healthy(nodes: list[Node]) -> None:
    node = nodes[0]
    before = len(node.run("audit", "list", "--json").stdout.splitlines())
    done = node.run("doctor", check=False)
    assert done.returncode == 0, done.stdout
    assert [line[:4] for line in done.stdout.splitlines()] == ["OK  ", "OK  "]
    lines = node.run("audit", "list", "--json").stdout.splitlines()[before:]
    kinds = [json.loads(line)["kind"] for line in lines]
    assert (kinds.count(1), kinds.count(4)) == (24, 24), "each question and each answer"
    assert sum("peer tested" in line for line in lines) == 2, "who ordered it"
    status, steps = examined(node, nodes[1].home)
    assert status == 0
    assert [(step["step"], step["level"]) for step in steps if step["level"] != "OK"] == []


def test_every_row_of_the_table_that_an_answer_shows_is_tested() -> None:
    here = {*BEHAVIOURS, *(f"receipt.{flaw}" for flaw in Flaw), *(code for _, code in REASONS)}
    here |= {
        "speed.server",
        "speed.network",
        "speed.lost",
        "discovery.none",
        "discovery.error",
        "retrieve.none",
        "receipt.none",
    }
    here |= {"statement.off", "statement.required", "statement.key", "node.away", "retrieve.silent", "retrieve.lies"}
    assert {code for code, cause in CAUSES.items() if cause.step not in NETWORK} - here == {"node.refused"}
