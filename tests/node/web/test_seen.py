"""What a user was shown of a patient stays shown when the patient's identifiers are merged, and apart when they are not."""

from __future__ import annotations

import sqlite3

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateTable

from node.web import seen
from node.web.tables import shown_entry
from registry.document_registry import DocumentRegistry, RegistrySettings
from registry.metadata.affinity_domain import ANY
from registry.store.patients import PatientDirectory
from tests.registry.registry_bench import AUTHORITY, SCHEMA

ONE, OTHER = (f"{name}^^^&{AUTHORITY}&ISO" for name in ("P1", "P2"))
BLOOD, LETTER, SCAN = b"blood", b"letter", b"scan"


def test_marks_follow_a_merge_and_its_undoing() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    connection.execute(str(CreateTable(shown_entry).compile(dialect=sqlite.dialect())))
    directory = PatientDirectory(connection, AUTHORITY)
    registry = DocumentRegistry(
        connection,
        ANY,
        RegistrySettings(home_community_id="urn:oid:2.999.1", assigning_authority=AUTHORITY, max_results=10),
    )

    def before(patient: str, user: str = "n.berg") -> tuple[set[bytes], str]:
        found = seen.before(connection, user, registry.identities_of(patient) or (patient,))
        return set(found.entries), found.last

    for patient in (ONE, OTHER):
        directory.add(patient, "20261130080000")
    seen.visit(connection, "n.berg", ONE, "2026-11-28T08:00:00Z")
    seen.mark(connection, "n.berg", ONE, [BLOOD], "2026-11-28T08:00:00Z")
    seen.visit(connection, "n.berg", OTHER, "2026-11-29T08:00:00Z")
    seen.mark(connection, "n.berg", OTHER, [LETTER], "2026-11-29T08:00:00Z")
    apart = before(ONE), before(OTHER)
    assert apart == (({BLOOD}, "2026-11-28T08:00:00Z"), ({LETTER}, "2026-11-29T08:00:00Z"))
    directory.merge(ONE, OTHER, "20261130090000")
    assert before(ONE) == ({BLOOD, LETTER}, "2026-11-29T08:00:00Z")
    assert before(ONE, "p.roth") == (set(), "")
    seen.mark(connection, "n.berg", ONE, [LETTER, SCAN], "2026-11-30T10:00:00Z")
    directory.unmerge(OTHER)
    assert before(ONE) == ({BLOOD, LETTER, SCAN}, "2026-11-28T08:00:00Z")
    assert before(OTHER) == apart[1]
    assert before("P3^^^&2.999.404&ISO") == (set(), "")
