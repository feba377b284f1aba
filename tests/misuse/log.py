"""The records of a house in a node's database, without the sequencer: quick, and like what a node has after two months."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

from tests.misuse.house import House, ordered
from tests.trust.ledger.ledgers import open_writer
from trust.ledger import store
from trust.ledger.merkle import Frontier, leaf_hash
from trust.ledger.record import NOISE_BYTES, seal, subject_key
from trust.ledger.store import Head
from trust.ledger.tables import create_tables

YEAR = 2026
ORIGIN = f"node.riverside.example/audit/{YEAR}"


def fill(house: House, database: Path) -> int:
    """Make the database; how many records it has."""
    connection: sqlite3.Connection = open_writer(database)
    connection.execute("PRAGMA synchronous = OFF")
    create_tables(connection)
    frontier, counters, noise = Frontier(), Counter[str](), bytes(NOISE_BYTES)
    records, leaves, subjects = [], [], []
    for seq, new in enumerate(ordered(house), 1):
        counter = counters[new.subject]
        counters[new.subject] += 1
        key = subject_key(noise[:32], new.subject) if new.subject else b""
        sealed = seal(new, index=seq - 1, counter=counter, subject_key=key, dicom="", noise=noise)
        records.append((seq, int(new.kind), new.time, sealed.salt, sealed.body))
        leaves.append((seq, sealed.entry))
        if new.subject:
            subjects.append((new.subject, YEAR, counter, seq))
        frontier.append(leaf_hash(sealed.entry))
    connection.execute("BEGIN")
    store.insert_entries(connection, records, leaves, subjects)
    store.insert_head(connection, Head(YEAR, ORIGIN, 1, frontier.size, frontier.root(), frontier.to_bytes()))
    connection.execute("COMMIT")
    connection.close()
    return len(records)
