"""What the ledger keeps about exchanges with other communities: receipts, and which have no outcome yet (2.8)."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from tests.trust.ledger.ledgers import KEYS, NODE, TIME, Place, local, query_event
from trust.audit.event import Kind, NewRecord
from trust.communities import AuditIdentity
from trust.ledger import hdn_verify, store
from trust.ledger.keys import CheckpointSigner
from trust.ledger.receipt import parse, verify
from trust.ledger.record import exchange_tag

KEY = CheckpointSigner(f"{NODE}/audit/2026", KEYS.seed).key
KEY_OF = AuditIdentity(log=f"{NODE}/audit", key=KEY.public).key_of
NOW = datetime.fromisoformat(TIME).astimezone(UTC)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def exchange(kind: Kind, cid: str, **values: object) -> NewRecord:
    leg = "q" if kind in (Kind.REQUEST_SENT, Kind.REQUEST_RECEIVED, Kind.EXCHANGE_FAILED) else "s"
    event = None if kind in (Kind.REQUEST_SENT, Kind.REQUEST_RECEIVED) else query_event()
    return NewRecord(kind=kind, time=TIME, cid=cid, leg=leg, payload=bytes(32), event=event, **values)


async def test_every_entry_of_a_batch_has_its_receipt(place: Place) -> None:
    async with place.running() as ledger:
        for number in (1, 3, 70, 2):
            records = [[exchange(Kind.REQUEST_SENT, f"{number} {k}"), local(f"p{k}")] for k in range(number)]
            proofs = await asyncio.gather(*(ledger.record(some) for some in records))
            for proof, cid in zip(proofs, (f"{number} {k}" for k in range(number)), strict=True):
                receipt = parse(proof.receipt(0))
                assert receipt.index == proof.first_index
                tag = exchange_tag("q", cid, bytes(32))
                verify(receipt, KEY_OF, kind=Kind.REQUEST_SENT, tag=tag, now=NOW)
                assert parse(proof.receipt()).entry == proof.entry


async def test_a_record_commits_to_the_receipt_that_is_kept_beside_it(place: Place) -> None:
    async with place.running() as ledger:
        proof = await ledger.record([exchange(Kind.REQUEST_RECEIVED, "urn:uuid:1", receipt=b"proved"), local()])
        await ledger.record([exchange(Kind.REQUEST_RECEIVED, "urn:uuid:2", receipt=b"proved too")])
    connection = sqlite3.connect(place.database)
    (kept,) = store.receipts(connection, "urn:uuid:1")
    assert kept == (1 + proof.first_index, b"proved")
    body = json.loads(store.record(connection, kept[0])[0])
    assert body["peer_receipt"] == sha256(b"proved").hexdigest()
    assert json.loads(store.record(connection, kept[0] + 1)[0])["peer_receipt"] == ""
    connection.close()


async def test_an_exchange_is_open_until_its_outcome_is_on_record(place: Place) -> None:
    async with place.running() as ledger:
        await ledger.record([exchange(Kind.REQUEST_SENT, f"urn:uuid:{k}") for k in range(5)])
        await ledger.record(
            [exchange(Kind.RESPONSE_RECEIVED, "urn:uuid:1"), exchange(Kind.REQUEST_RECEIVED, "urn:uuid:0")]
        )
        await ledger.record([exchange(Kind.EXCHANGE_FAILED, "urn:uuid:3"), exchange(Kind.RESPONSE_SENT, "urn:uuid:4")])
    connection = sqlite3.connect(place.database)
    found = [json.loads(body)["cid"] for body in store.left_open(connection, 10)]
    assert found == ["urn:uuid:0", "urn:uuid:2", "urn:uuid:4"]
    assert len(store.left_open(connection, 2)) == 2
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM audit_receipt",
        "DROP TABLE audit_receipt",
        "UPDATE audit_receipt SET proof = CAST('proved!' AS BLOB)",
        "UPDATE audit_receipt SET seq = seq + 1",
        "INSERT INTO audit_receipt VALUES (5, 'urn:uuid:2', CAST('proved' AS BLOB))",
    ],
)
async def test_a1_a_receipt_that_was_taken_away_or_changed_is_found(place: Place, change: str) -> None:
    async with place.running() as ledger:
        await ledger.record([exchange(Kind.REQUEST_RECEIVED, "urn:uuid:1", receipt=b"proved"), local()])
        await ledger.record([local(), exchange(Kind.REQUEST_RECEIVED, "urn:uuid:2")])
    words = ["verify", str(place.audit), "--db", str(place.database)]
    assert hdn_verify.main(words) == hdn_verify.GOOD
    with sqlite3.connect(place.database) as connection:
        connection.execute(change)
    connection.close()
    assert hdn_verify.main(words) == hdn_verify.INVALID
