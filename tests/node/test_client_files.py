"""What `submit` knows of a file before it sends it, and what it remembers afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.client import file_facts
from node.client.report import DONE, SENDING, Line, Report
from node.faults import Faults
from tests.shared import SHARED, needs_shared


@needs_shared
def test_real_documents(tmp_path: Path) -> None:
    assert SHARED is not None
    for path in sorted((SHARED / "samples" / "cda").iterdir()):
        facts = file_facts.read(path)
        assert facts.mime_type == "text/xml"
        assert facts.header is not None, path.name
        assert facts.header.title
    for path in sorted((SHARED / "samples" / "pdf").iterdir()):
        assert file_facts.read(path).mime_type == "application/pdf"


@pytest.mark.parametrize(
    ("content", "title"),
    [
        pytest.param('<?xml version="1.0" encoding="GB2312"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>出院</title></ClinicalDocument>'.encode("gb2312"), "出院", id="GB2312"),
        pytest.param("<?xml version='1.0' encoding='ISO-8859-1'?><ClinicalDocument xmlns='urn:hl7-org:v3'><title>Süd</title></ClinicalDocument>".encode("latin-1"), "Süd", id="Latin-1"),
        pytest.param(b'<?xml version="1.0"?><?xml-stylesheet href="http://evil.example/x.xsl"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>A</title></ClinicalDocument>', "A", id="stylesheet"),
        pytest.param(b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><ClinicalDocument xmlns="urn:hl7-org:v3"><title>&a;</title></ClinicalDocument>', None, id="DOCTYPE"),
        pytest.param(b'<?xml version="1.0"?><other/>', None, id="other XML"),
        pytest.param(b'<?xml version="1.0"?><broken', None, id="not well formed"),
        pytest.param(b'<?xml version="1.0" encoding="utf-7"?><x/>', None, id="UTF-7"),
    ],
)  # fmt: skip
def test_headers(tmp_path: Path, content: bytes, title: str | None) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(content)
    header = file_facts.read(path).header
    assert (header.title if header else None) == title


def test_a_file_that_cannot_be_shared(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name, code in (("empty", "file.empty"), ("missing", "file.unreadable"), (".", "file.unreadable")):
        with pytest.raises(Faults) as raised:
            file_facts.read(tmp_path / name)
        assert raised.value.faults[0].code == code


def line(state: str, file: str = "a") -> Line:
    return Line(state=state, file=file, patient="P^^^&1.2&ISO", sha1="0", unique_id="2.25.1", entry_uuid="urn:uuid:1")


def test_a_report_remembers_across_runs(tmp_path: Path) -> None:
    path = tmp_path / "report"
    with Report(path) as report:
        assert report.last("a", "P^^^&1.2&ISO", "0") is None
        report.write(line(SENDING))
        report.write(line(DONE))
        report.write(line(SENDING, "b"))
    with Report(path) as report:
        assert report.last("a", "P^^^&1.2&ISO", "0") == line(DONE)
        assert report.last("b", "P^^^&1.2&ISO", "0") == line(SENDING, "b")
        assert report.last("a", "P^^^&1.2&ISO", "1") is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "report"
    with Report(path) as report:
        report.write(line(DONE))
    with path.open("a") as file:
        file.write('{"state": "sen')
    for _ in range(2):
        with Report(path) as report:
            report.write(line(DONE, "b"))
    assert [text.count("state") for text in path.read_text().splitlines()] == [1, 1, 1]


def test_another_file_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "report"
    path.write_text("hello\n")
    with pytest.raises(Faults) as raised, Report(path):
        pass
    assert raised.value.faults[0].code == "report.unusable"
