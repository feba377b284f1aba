"""What of a document a rule about access may look at, beyond its confidentiality; read for many documents at once."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from html import unescape
from itertools import islice
from typing import Any, Final

from registry.store.codes import CodeBook, CodePair
from registry.store.conditions import one_of
from registry.store.keys import Hidden, id_range, patient_of_id

_AT_ONCE: Final = 500
_GONE: Final = Hidden.QUARANTINED | Hidden.NOT_LATEST
_SELECT: Final = """
SELECT id, unique_id, confidentiality_codes, class_code, type_code, practice_setting_code,
       healthcare_facility_type_code, event_codes
FROM document_entry WHERE """
_TEMPLATE: Final = "SELECT template FROM document_entry WHERE id = ?"
_VALUE: Final = re.compile(rb"<rim:Value>(.*?)</rim:Value>", re.DOTALL)


class Labels:
    """One document's labels; what they are made of is read as it is asked for.

    `id` is that of its row, `patient` the number of the patient it was submitted for. Documents with equal `alike`
    differ for a rule only in id, uniqueId and author.
    """

    __slots__ = ("_codes", "alike", "id", "patient", "unique_id")

    def __init__(self, row: tuple[Any, ...], codes: Callable[[str], tuple[CodePair, ...]]) -> None:
        self.id: int = row[0]
        self.unique_id: str = row[1]
        self.patient = patient_of_id(self.id)
        self.alike: tuple[Any, ...] = (self.patient, *row[2:])
        self._codes = codes

    @property
    def confidentiality(self) -> tuple[CodePair, ...]:
        """(code, scheme) pairs."""
        return self._codes(self.alike[1])

    @property
    def kinds(self) -> tuple[CodePair, ...]:
        """Its class, type, practice setting, facility and event codes."""
        *numbers, events = self.alike[2:]
        return self._codes(f",{','.join(str(number) for number in numbers if number is not None)}{events or ','}")


Judge = Callable[[Labels], bool]  # whether whoever asks may know of the document


def read(connection: sqlite3.Connection, codes: CodeBook, ids: Iterable[int]) -> list[Labels]:
    """The labels of these documents, in no order that means anything."""
    found: list[Labels] = []
    ids = iter(ids)
    while some := list(islice(ids, _AT_ONCE)):
        clause = one_of("id", some)
        found += _labels(connection, codes, connection.execute(_SELECT + clause.text, clause.values).fetchall())
    return found


def of_patients(connection: sqlite3.Connection, codes: CodeBook, patients: Iterable[int]) -> list[Labels]:
    """The labels of every document of these patients but quarantined ones and older versions, in order."""
    found: list[Labels] = []
    for patient in patients:
        rows = connection.execute(
            f"{_SELECT}id BETWEEN ? AND ? AND hidden & {_GONE} = 0 ORDER BY id", id_range(patient)
        )
        found += _labels(connection, codes, rows.fetchall())
    return found


def _labels(connection: sqlite3.Connection, codes: CodeBook, rows: Iterable[tuple[Any, ...]]) -> list[Labels]:
    unpacked = partial(codes.codes, connection)
    return [Labels(row, unpacked) for row in rows]


def author_institutions(connection: sqlite3.Connection, expand: Callable[[bytes], bytes], id_: int) -> Sequence[str]:
    """The authorInstitution values (XON) of a document."""
    return slot_values(connection, expand, id_, "authorInstitution")


def slot_values(connection: sqlite3.Connection, expand: Callable[[bytes], bytes], id_: int, name: str) -> Sequence[str]:
    """Every value of a slot of a document, out of its stored ebRIM, which this registry itself wrote."""
    (template,) = connection.execute(_TEMPLATE, (id_,)).fetchone()
    slots = re.findall(rb'<rim:Slot name="%s">(.*?)</rim:Slot>' % re.escape(name.encode()), expand(template), re.DOTALL)
    return [unescape(value.decode()) for slot in slots for value in _VALUE.findall(slot)]
