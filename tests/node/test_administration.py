"""Operations of an administrator against real services: who may connect, and what is on record about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from node.administration.exports import audit_identity, own_export
from node.configuration.config import Config
from node.faults import Exit, Faults
from node.operations import OPERATIONS, execute
from node.security_records import refusal
from node.services import Services, open_services
from trust.accounts import store
from trust.identity.caller import Role
from trust.ledger.checkpoint import open_checkpoint
from trust.pki.certificates import from_pem


@pytest.fixture
async def services(made_node: Callable[..., Config]) -> AsyncIterator[Services]:
    async with open_services(made_node()) as opened:
        yield opened


@pytest.fixture
def other(made_node: Callable[..., Config]) -> tuple[str, str]:
    """Export and fingerprint of another node."""
    config = made_node("Clinic South", base=8010)
    urls = {key: f"{config.base_url}/{key}" for key in ("iti-38", "iti-39", "iti-41-xdr", "iti-55", "iti-56")}
    text = own_export(config, urls)
    return text, json.loads(text)["fingerprint"]


async def run(services: Services, command: str, **arguments: object) -> dict:
    return await execute(services, command, arguments, "tester")


async def refused(services: Services, command: str, **arguments: object) -> str:
    before = services.reader.execute("SELECT count(*) FROM certificate_binding").fetchone()
    with pytest.raises(Faults) as raised:
        await run(services, command, **arguments)
    assert services.reader.execute("SELECT count(*) FROM certificate_binding").fetchone() == before
    (fault,) = raised.value.faults
    assert fault.cause
    assert fault.next_step
    return fault.code


def security_records(services: Services) -> list[tuple[str, str, str]]:
    """(who, what, which) of every record of security administration."""
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 7 ORDER BY seq")
    events = [json.loads(row[0])["event"] for row in rows]
    return [
        (event["participants"][0]["user"], event["outcome_text"], event["objects"][0]["name"])
        for event in events
        if event["type"][0] == "110129"
    ]


def own_certificate(services: Services) -> str:
    return services.config.folder.client_cert.read_text()


async def test_a_peer_is_connected_bound_and_on_record(services: Services, other: tuple[str, str]) -> None:
    text, fingerprint = other
    added = await run(services, "peer add", export=text, fingerprint=fingerprint.upper(), clearance="R")
    assert (added["name"], added["clearance"], added["shared_patients"]) == ("Clinic South", "R", True)
    binding = services.bindings.lookup(fingerprint)
    assert binding is not None
    assert (binding.role, binding.clearance) == (Role.PEER, "R")
    assert [one["name"] for one in (await run(services, "peer list"))["peers"]] == ["Clinic South"]
    shown = await run(services, "peer show", peer=added["home_community_id"].removeprefix("urn:oid:"))
    assert set(shown["endpoints"]) == {
        *("audit", "directory", "iti-38", "iti-39", "iti-41-xdr", "iti-55", "iti-56", "locations")
    }
    assert security_records(services) == [("tester", "peer added, clearance R, audit proof optional", "Clinic South")]
    await run(services, "peer remove", peer="Clinic South")
    assert services.bindings.lookup(fingerprint) is None
    assert (await run(services, "peer list"))["peers"] == []
    assert security_records(services)[-1] == ("tester", "peer removed", "Clinic South")


async def test_a_receipt_can_be_required_of_a_peer(services: Services, other: tuple[str, str]) -> None:
    text, fingerprint = other
    config = services.config
    added = await run(services, "peer add", export=text, fingerprint=fingerprint, audit_proof="required")
    assert added["audit_proof"] == "required"
    shown = await run(services, "peer show", peer="Clinic South")
    assert shown["audit_log"] == json.loads(text)["audit"]["log"] != audit_identity(config).log
    assert security_records(services) == [("tester", "peer added, clearance N, audit proof required", "Clinic South")]


async def test_an_export_names_the_key_that_signs_the_checkpoints(services: Services) -> None:
    identity = audit_identity(services.config)
    checkpoint = services.sequencer.checkpoint
    key = identity.key_of(checkpoint.decode().partition("\n")[0])
    assert key is not None
    assert open_checkpoint(checkpoint, key).size == 1


async def test_a_peer_is_refused(services: Services, other: tuple[str, str]) -> None:
    text, fingerprint = other
    assert await refused(services, "peer add", export=text, fingerprint="0" * 64) == "peer.fingerprint"
    assert await refused(services, "peer add", export=text, fingerprint="x") == "peer.fingerprint"
    assert await refused(services, "peer add", export=text, fingerprint=fingerprint, clearance="*") == "peer.clearance"
    assert (
        await refused(services, "peer add", export=text, fingerprint=fingerprint, audit_proof="x") == "peer.audit-proof"
    )
    plain = json.dumps({key: value for key, value in json.loads(text).items() if key != "audit"})
    wanted = {"export": plain, "fingerprint": fingerprint, "audit_proof": "required"}
    assert await refused(services, "peer add", **wanted) == "peer.audit-proof"
    assert await refused(services, "peer add", export="{}", fingerprint=fingerprint) == "trust"
    assert await refused(services, "peer add", fingerprint=fingerprint) == "usage"
    assert await refused(services, "peer remove", peer="nobody") == "peer.unknown"
    await run(services, "peer add", export=text, fingerprint=fingerprint)
    assert await refused(services, "peer add", export=text, fingerprint=fingerprint) == "peer.exists"
    assert await run(services, "peer add", export=text, fingerprint=fingerprint, clearance="L", replace=True)


async def test_the_own_client_of_a_development_node(services: Services) -> None:
    made = await run(services, "init", name="development client", certificate=own_certificate(services))
    binding = services.bindings.lookup(made["fingerprint"])
    assert binding is not None
    assert (binding.role, binding.test_community, binding.clearance) == (Role.APPLICATION, True, "*")
    assert binding.home.startswith("urn:oid:2.25.")


async def test_the_own_client_of_a_real_node_is_an_operator(made_node: Callable[..., Config]) -> None:
    async with open_services(made_node("real", development=False)) as services:
        made = await run(services, "init", name="own commands", certificate=own_certificate(services))
        assert (made["role"], made["test_community"]) == ("operator", "")


async def test_clients(services: Services) -> None:
    pem = own_certificate(services)
    added = await run(services, "client add", name="ward 7", certificate=pem)
    assert added["role"] == "application"
    assert await refused(services, "client add", name="ward 7", certificate=pem) == "client.exists"
    assert await refused(services, "client add", name="other", certificate=pem) == "trust"
    assert (
        await refused(services, "client add", name="ca", certificate=services.config.folder.trust.read_text())
        == "certificate"
    )
    assert await refused(services, "client add", name="x", certificate="x") == "certificate"
    assert await refused(services, "client add", name="x", certificate=pem, role="peer") == "client.role"
    assert await refused(services, "client revoke", name="nobody") == "client.unknown"
    fingerprint = added["fingerprint"]
    revoked = await run(services, "client revoke", name=":".join(fingerprint[k : k + 2] for k in range(0, 64, 2)))
    assert revoked["revoked"] == [{"name": "ward 7", "fingerprint": fingerprint}]
    assert (await run(services, "client list"))["clients"][0]["revoked"]
    assert [what for _, what, _ in security_records(services)] == ["client added as application", "client revoked"]


async def test_a_peer_cannot_be_revoked_as_a_client(services: Services, other: tuple[str, str]) -> None:
    await run(services, "peer add", export=other[0], fingerprint=other[1])
    assert await refused(services, "client revoke", name="Clinic South") == "client.unknown"


@pytest.mark.parametrize("verb", ["deprecate", "quarantine"])
async def test_an_unknown_document(services: Services, verb: str) -> None:
    assert await refused(services, f"document {verb}", unique_id="2.25.404") == "document.unknown"


async def test_looking_at_patients_is_on_record(services: Services) -> None:
    await run(services, "patient add", patient="1")
    await run(services, "patient list")
    assert (await run(services, "patient show", patient="1"))["known"]
    assert not (await run(services, "patient show", patient="2"))["known"]
    rows = services.reader.execute("SELECT body FROM audit_record WHERE kind = 5 ORDER BY seq")
    bodies = [json.loads(row[0]) for row in rows]
    assert [(body["event"]["type"][0], body["event"]["action"]) for body in bodies] == [
        ("patient add", "C"), ("patient list", "R"), ("patient show", "R"), ("patient show", "R"),
    ]  # fmt: skip
    assert [body["subject"] for body in bodies] == ["2.999.1|1", "", "2.999.1|1", "2.999.1|2"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("1^^^&2.999.9&ISO", "patient.other-authority", id="another authority"),
        pytest.param("1^^^&x&ISO", "patient.not-an-identifier", id="no OID"),
        pytest.param("^^^&2.999.1&ISO", "patient.not-an-identifier", id="no number"),
        pytest.param("", "patient.not-an-identifier", id="empty"),
    ],
)
async def test_what_is_no_patient(services: Services, text: str, code: str) -> None:
    assert await refused(services, "patient add", patient=text) == code


async def test_an_unknown_command(services: Services) -> None:
    with pytest.raises(Faults) as raised:
        await run(services, "rm -rf")
    assert raised.value.status is Exit.USAGE


async def test_status_of_services(services: Services, other: tuple[str, str]) -> None:
    services.config.folder.lock.touch()
    await run(services, "peer add", export=other[0], fingerprint=other[1])
    state = await run(services, "status")
    assert state["facts"]["connected institutions"] == "Clinic South"
    assert {finding["level"] for finding in state["findings"]} <= {"WARN", "FAIL"}
    json.dumps(state)


def test_every_family_of_commands_has_its_operations() -> None:
    wanted = {
        "patient": "add list show merge unmerge",
        "document": "deprecate quarantine",
        "client": "add list revoke",
        "peer": "add list show remove",
    }
    assert {f"{family} {verb}" for family, verbs in wanted.items() for verb in verbs.split()} <= set(OPERATIONS)


def test_an_export_is_of_the_leaf(made_node: Callable[..., Config]) -> None:
    config = made_node()
    exported = json.loads(
        own_export(
            config,
            {
                "iti-38": "https://localhost/a",
                "iti-39": "https://localhost/b",
                "iti-55": "https://localhost/c",
                "iti-56": "https://localhost/d",
                "iti-41-xdr": "https://localhost/e",
                "iti-41": "x",
            },
        )
    )
    assert set(exported["endpoints"]) == {
        *("audit", "directory", "iti-38", "iti-39", "iti-41-xdr", "iti-55", "iti-56", "locations")
    }
    assert from_pem(exported["certificates"])


async def test_quirks_come_from_the_file_and_from_the_administrator(services: Services, other: tuple[str, str]) -> None:
    text, fingerprint = other
    filed = json.dumps({**json.loads(text), "quirks": {"documents_per_retrieve": 10, "of-a-later-version": True}})
    added = await run(services, "peer add", export=filed, fingerprint=fingerprint, quirks=["uuid_form=lower"])
    assert added["quirks"] == {"documents_per_retrieve": 10, "of-a-later-version": True, "uuid_form": "lower"}
    again = await run(
        services, "peer add", export=filed, fingerprint=fingerprint, replace=True, quirks=["documents_per_retrieve=3"]
    )
    assert again["quirks"]["documents_per_retrieve"] == 3


async def test_a_new_description_leaves_what_was_decided_here(services: Services, other: tuple[str, str]) -> None:
    text, fingerprint = other
    decided = {"clearance": "V", "audit_proof": "required", "quirks": ["uuid_form=lower", "documents_per_retrieve=10"]}
    await run(services, "peer add", export=text, fingerprint=fingerprint, **decided)
    moved = json.dumps({**json.loads(text), "quirks": {"documents_per_retrieve": 20}})
    again = {"export": moved, "fingerprint": fingerprint, "replace": True}
    kept = await run(services, "peer add", **again)
    assert (kept["clearance"], kept["audit_proof"]) == ("V", "required")
    assert kept["quirks"] == {"uuid_form": "lower", "documents_per_retrieve": 20}
    binding = services.bindings.lookup(fingerprint)
    assert binding is not None
    assert binding.clearance == "V"
    assert security_records(services)[-1][1] == "peer replaced, clearance V, audit proof required"
    given = await run(services, "peer add", **again, clearance="L", audit_proof="optional", quirks=["uuid_form="])
    assert (given["clearance"], given["audit_proof"]) == ("L", "optional")
    assert given["quirks"] == {"documents_per_retrieve": 20}


async def test_a_required_receipt_does_not_end_with_a_description_that_names_no_log(
    services: Services, other: tuple[str, str]
) -> None:
    text, fingerprint = other
    await run(services, "peer add", export=text, fingerprint=fingerprint, audit_proof="required")
    plain = json.dumps({key: value for key, value in json.loads(text).items() if key != "audit"})
    again = {"export": plain, "fingerprint": fingerprint, "replace": True}
    assert await refused(services, "peer add", **again) == "peer.audit-proof"
    assert (await run(services, "peer add", **again, audit_proof="optional"))["audit_proof"] == "optional"


@pytest.mark.parametrize(
    "quirk", ["documents_per_retrieve=0", "documents_per_retrieve", "uuid_form=x", "sha1=1", "=", "sha1="]
)
async def test_a_quirk_that_cannot_be_is_refused(services: Services, other: tuple[str, str], quirk: str) -> None:
    text, fingerprint = other
    assert await refused(services, "peer add", export=text, fingerprint=fingerprint, quirks=[quirk]) == "peer.quirk"


async def test_a_file_with_a_wrong_quirk_is_refused(services: Services, other: tuple[str, str]) -> None:
    text, fingerprint = other
    filed = json.dumps({**json.loads(text), "quirks": {"retrieve_packaging": "zip"}})
    assert await refused(services, "peer add", export=filed, fingerprint=fingerprint) == "peer.quirk"


async def test_an_account_that_is_closed_stays_closed_whatever_is_ordered_at_the_same_time(services):
    hashed = "$argon2id$v=19$m=65536,t=3,p=4$" + "a" * 22 + "$" + "b" * 43
    await run(services, "user add", name="a.li", role="clinician", password=hashed, without_code=True)
    orders = (run(services, "user close", name="a.li"), run(services, "user certificate", name="a.li", certificate=""))
    ended = await asyncio.gather(*orders, return_exceptions=True)
    assert isinstance(ended[1], Faults)
    (account,) = (await run(services, "user list"))["users"]
    assert account["closed"]


async def test_what_administrators_change_makes_no_used_code_new(services):
    hashed = "$argon2id$v=19$m=65536,t=3,p=4$" + "a" * 22 + "$" + "b" * 43
    await run(services, "user add", name="a.li", role="clinician", password=hashed)

    def used(connection):
        store.use_code(connection, "a.li", 7)
        return None, [refusal(services.clock(), incident="i", caller=None, address="", node="n", reason="r")]

    await asyncio.gather(
        services.sequencer.transact(used), run(services, "user certificate", name="a.li", certificate="")
    )
    assert store.find(services.reader, "a.li").code_step == 7
