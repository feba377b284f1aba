"""What a submission writes names every column of its tables: SQL elsewhere is text, only the schema knows the tables."""

from __future__ import annotations

import re

import pytest

from registry.store import submissions
from registry.store.tables import metadata


@pytest.mark.parametrize("form", submissions._OF.values(), ids=lambda form: form.kind.name)
def test_every_column_has_a_value(form: submissions._Form) -> None:
    table, columns, marks = re.fullmatch(r"INSERT INTO (\w+) \((.*)\) VALUES \((.*)\)", form.insert).groups()
    assert columns.split(", ") == [
        column.name for column in metadata.tables[table].columns if column.server_default is None
    ]
    assert marks.count("?") == len(columns.split(", "))
