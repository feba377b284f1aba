"""The disclosure report: what it shows, for which period and identity, and that it verifies with Python alone."""

from __future__ import annotations

import asyncio
import html.parser
import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trust.ledger.ledgers import KEYS, NODE, TIME, Place, local, query_event
from tests.trust.ledger.reports import FORMER, PATIENT, changed, fill, made, packed, unpacked
from trust.audit.event import Coded, Kind, NewRecord, Participant
from trust.ledger import disclosure, erasure, hdn_verify
from trust.ledger.checkpoint import Checkpoint, CosignatureSigner, NoteSigner, parse_note
from trust.ledger.merkle import leaf_hash, root_of
from trust.ledger.policy import policy_of
from trust.ledger.shard_files import ShardFiles
from trust.ledger.tiles import read_bundle


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("log"))
    asyncio.run(fill(place))
    return place


def alone(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """The verifier of the bundle, in its folder: no site packages, no project, nothing but Python."""
    command = [sys.executable, "-I", "-S", "hdn_verify.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_a_bundle_verifies_with_python_alone(place: Place, tmp_path: Path) -> None:
    folder = unpacked(packed(made(place)), tmp_path / "bundle")
    assert "python3 hdn_verify.py report ." in (folder / "README.txt").read_text()
    done = alone(folder, "report", ".")
    assert done.returncode == 0, done.stderr
    assert "complete: nothing about this patient is left out" in done.stdout
    key = (folder / "log/2026/vkey").read_text().strip()
    done = alone(folder, "report", ".", "--vkey", key)  # that of one year stands for all years
    assert done.returncode == 0, done.stderr
    assert "came with the report" not in done.stdout
    for other in (
        NoteSigner(f"{NODE}/audit/2026", bytes(32)).key,
        NoteSigner("other.example/audit/2026", KEYS.seed).key,
    ):
        assert alone(folder, "report", ".", "--vkey", other.render()).returncode == 1


def test_the_zip_verifies_unpacked_or_not(place: Place, tmp_path: Path) -> None:
    (tmp_path / "report.zip").write_bytes(packed(made(place)))
    assert hdn_verify.main(["report", str(tmp_path / "report.zip")]) == 0


def test_without_the_leaf_layer_it_is_inclusion_only(place: Place, tmp_path: Path) -> None:
    folder = unpacked(packed(made(place), leaves=False), tmp_path / "bundle")
    done = alone(folder, "report", ".")
    assert done.returncode == 2
    assert "inclusion only" in done.stderr
    assert "7 events shown, each in the signed log" in done.stdout
    assert alone(folder, "report", ".", "--log", place.audit).returncode == 0


def test_a_copy_of_the_log_that_the_reader_trusts_more(place: Place, tmp_path: Path) -> None:
    folder = unpacked(packed(made(place)), tmp_path / "bundle")
    copy = shutil.copytree(place.audit, tmp_path / "audit")
    assert alone(folder, "report", ".", "--log", copy).returncode == 0
    bundle = copy / "2026/tile/entries/000"
    bundle.chmod(0o644)
    bundle.write_bytes(bundle.read_bytes().replace(b"\x05", b"\x04"))
    assert alone(folder, "report", ".", "--log", copy).returncode == 1


def test_what_witnesses_have_signed_goes_with_it(place: Place, tmp_path: Path) -> None:
    copy = Place(shutil.copytree(place.root, tmp_path / "node"))
    signers = [CosignatureSigner(f"node-{name}.example/witness", name.encode() * 32) for name in "xy"]
    log = NoteSigner(f"{NODE}/audit/2026", KEYS.seed)
    entries = [entry for _, data in ShardFiles(copy.shard()).bundles() for entry in read_bundle(data)]
    note = log.sign(Checkpoint(log.key.name, 270, root_of(map(leaf_hash, entries[:270]))).text())
    lines = [one.line(parse_note(note).text, 1_800_000_000) for one in signers]
    (copy.shard() / "policy").unlink()
    (copy.shard() / "policy").write_text(policy_of([one.key for one in signers], 2).render([log.key]))
    for cosigned, status, says in (
        (note + lines[0] + lines[1], 0, "the first 270 entries are cosigned"),
        (note + lines[0], 4, "1 witnesses have signed"),
        (note + lines[1] + lines[0].replace(b"x.example", b"y.example"), 4, "1 witnesses have signed"),
        (log.sign(Checkpoint(log.key.name, 270, bytes(32)).text()), 1, "not those that witnesses have signed"),
    ):
        (copy.shard() / "cosigned").write_bytes(cosigned)
        folder = unpacked(packed(made(copy)), tmp_path / f"bundle {status}{len(cosigned)}")
        done = alone(folder, "report", ".")
        assert (done.returncode, says in done.stdout + done.stderr) == (status, True), done.stdout + done.stderr


@pytest.fixture
async def erased(place: Place, tmp_path: Path) -> Place:
    """The log after the entries about A-1 of before May 2026 were erased, in both years."""
    copy = Place(shutil.copytree(place.root, tmp_path / "erased"))
    async with copy.running() as ledger:

        def work(connection):
            gone = erasure.select(connection, subjects=[PATIENT], before="2026-05-01T00:00:00.000Z")
            erasure.erase(connection, gone)
            (record,) = [local("A-2")]
            return None, [replace(record, kind=Kind.SECURITY, note=one) for one in erasure.statements(gone, "an order")]

        await ledger.transact(work)
    return copy


@pytest.mark.parametrize(("since", "shown"), [("", 4), ("2026-05-15", 2), ("2026-02-01", 4)])
def test_erased_records_are_counted_and_stated(erased: Place, tmp_path: Path, since: str, shown: int) -> None:
    report = made(erased, since=f"{since}T00:00:00.000Z" if since else "")
    assert report.events == shown
    assert ("entries the content was erased" in report.page()) == (since != "2026-05-15")
    folder = unpacked(packed(report), tmp_path / "bundle")
    done = alone(folder, "report", ".")
    assert done.returncode == 0, done.stderr
    assert ("more the record was erased" in done.stdout) == (since != "2026-05-15")


def test_an_erasure_that_nothing_states(erased: Place, tmp_path: Path, capsys) -> None:
    def without(report: dict) -> None:
        for shard in report["shards"]:
            shard["erasures"].clear()

    path = tmp_path / "report.zip"
    path.write_bytes(changed(packed(made(erased)), report=without))
    assert hdn_verify.main(["report", str(path)]) == 2
    assert "2025: index 1: neither opened nor, as far as can be seen here, stated" in capsys.readouterr().err

    def forged(report: dict) -> None:
        for shard in report["shards"]:
            for event in shard["erasures"]:
                event["record"] = event["record"].replace("an order", "nothing")

    path.write_bytes(changed(packed(made(erased)), report=forged))
    assert hdn_verify.main(["report", str(path)]) == 1
    assert "does not commit to this record" in capsys.readouterr().err


def test_a_page_of_another_version_is_not_compared(place: Place, tmp_path: Path, capsys) -> None:
    path = tmp_path / "report.zip"
    path.write_bytes(changed(packed(made(place)), report=lambda report: report.update(format="hdn-report/v9")))
    assert hdn_verify.main(["report", str(path)]) == 2
    assert "hdn-report/v9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("since", "until", "shown"),
    [
        ("", "", 10),
        ("2026-01-01", "", 7),
        ("", "2026-01-01", 3),
        ("2026-04-01", "2026-05-01", 1),
        ("2026-02-15", "2026-03-15", 0),
        ("2026-07-01", "", 0),
        ("2025-01-01", "2025-06-01", 0),
        ("2026-06-01T08:00:00.500Z", "", 1),
    ],
)
def test_a_period_is_as_complete_as_everything(
    place: Place, tmp_path: Path, since: str, until: str, shown: int
) -> None:
    times = [f"{one}T00:00:00.000Z" if len(one) == 10 else one for one in (since, until)]
    report = made(place, since=times[0], until=times[1])
    assert report.events == shown
    path = tmp_path / "report.zip"
    path.write_bytes(packed(report))
    assert hdn_verify.main(["report", str(path)]) == 0


def test_a_patient_of_whom_nothing_is_known(place: Place, tmp_path: Path, capsys) -> None:
    path = tmp_path / "report.zip"
    path.write_bytes(packed(made(place, patients=["2.999.10.100|unheard"])))
    assert hdn_verify.main(["report", str(path)]) == 0
    assert "there is nothing, as far as the key" in capsys.readouterr().out


async def test_a_log_that_grows_while_the_report_is_made(tmp_path: Path, monkeypatch) -> None:
    """What was published after the heads were read first is no other log: a busy node makes reports too."""
    place = Place(tmp_path)
    await fill(place)
    grown, really = [], disclosure.ShardFiles

    def opened(folder: Path):
        if not grown:  # between the first look at the database and the files of the last shard
            grown.append(True)
            writer = threading.Thread(target=lambda: asyncio.run(grow(place)))
            writer.start()
            writer.join()
        return really(folder)

    monkeypatch.setattr(disclosure, "ShardFiles", opened)
    report = made(place)
    assert report.logs[-1].size > report.events > 0
    assert hdn_verify.main(["report", str(unpacked(packed(report), tmp_path / "report"))]) == 0


async def grow(place: Place) -> None:
    async with place.running() as ledger:
        await ledger.record([local("A-1") for _ in range(300)])


async def test_what_happens_after_the_report_does_not_break_it(tmp_path: Path) -> None:
    place = Place(tmp_path / "node")
    place.root.mkdir()
    async with place.running() as ledger:
        await ledger.record([local("A-1") for _ in range(3)])
    report = made(place)
    async with place.running() as ledger:
        await ledger.record([local("A-1") for _ in range(300)])
    path = tmp_path / "report.zip"
    path.write_bytes(packed(report))
    assert report.events == 3
    assert hdn_verify.main(["report", str(path)]) == 0


async def test_a_number_that_was_used_twice_or_passed_over(tmp_path: Path, capsys, monkeypatch) -> None:
    """The log itself can be dishonest: two entries with one number, or a number left out to hide what follows."""
    from trust.ledger import batch

    for numbers, says in (([0, 1, 1], "is used twice"), ([0, 1, 3], "but there is no number 2")):
        place = Place(tmp_path / says[:7].strip())
        place.root.mkdir()
        given = iter(numbers)
        monkeypatch.setattr(batch.Batch, "_number", lambda *_, given=given: next(given))
        monkeypatch.setattr(batch.store, "insert_entries", _without_constraint)
        async with place.running() as ledger:
            await ledger.record([local("A-1") for _ in range(3)])
        monkeypatch.undo()
        path = tmp_path / "report.zip"
        path.write_bytes(packed(made(place)))
        assert hdn_verify.main(["report", str(path)]) == 1
        assert says in capsys.readouterr().err


def _without_constraint(connection, records, leaves, subjects) -> None:
    connection.executemany("INSERT INTO audit_record VALUES (?, ?, ?, ?, ?)", records)
    connection.executemany("INSERT INTO audit_leaf VALUES (?, ?)", leaves)
    connection.executemany("INSERT OR IGNORE INTO audit_subject VALUES (?, ?, ?, ?)", subjects)


class Seen(html.parser.HTMLParser):
    """What a page loads and runs, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [
            str(value) for name, value in attrs if name in ("src", "href", "style") or name.startswith("on")
        ]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_stands_alone(place: Place) -> None:
    page = made(place, patients=[PATIENT, FORMER]).page()
    seen = Seen()
    seen.feed(page)
    assert seen.outside == []
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(seen.tags)
    assert "url(" not in page
    assert "@import" not in page
    text = " ".join(seen.words)
    for words in ("Who looked at", "谁查看过", "St. Mary <Hospital>", "Lakeside Clinic 湖畔诊所", "refused or failed"):
        assert words in text
    assert seen.tags.count("main") == 2


def test_one_language_alone(place: Place) -> None:
    page = made(place, languages=["zh"]).page()
    assert '<html lang="zh-Hans">' in page
    assert "谁查看过" in page
    assert "Who looked" not in page
    assert "<input" not in page


async def test_names_from_outside_are_text(tmp_path: Path) -> None:
    place = Place(tmp_path)
    people = (Participant(user_id="<script>alert(1)</script>", user_name='"><img src=x>', requestor=True),)
    async with place.running() as ledger:
        await ledger.record([local("A-1", participants=people, outcome_text="</main><b>")])
    seen = Seen()
    seen.feed(made(place).page())
    assert not {"script", "img"} & set(seen.tags)
    assert '"><img src=x>' in seen.words


def test_the_page_of_version_1_stays_as_it_is() -> None:
    """Bundles that were handed out are compared with it for ever: another page needs another `PAGE`."""
    from hashlib import sha256

    record = {"kind": 5, "time": TIME, "peer": "", "cid": "", "subject": PATIENT, "event": {"type": ["ITI-43", "", ""]}}
    record["event"] |= {"id": ["110106", "", ""], "action": "R", "outcome": 0, "participants": [], "objects": []}
    event = {"index": 7, "record": json.dumps(record), "shown": True}
    report = {
        "patients": [PATIENT],
        "institution": {"name": "N"},
        "since": "",
        "until": TIME,
        "made": TIME,
        "names": {},
        "shards": [{"origin": "n/audit/2026", "size": 9, "events": [event]}],
    }
    assert hdn_verify.PAGE == "hdn-report/v1"
    assert sha256(hdn_verify.page(report).encode()).hexdigest() == FIXED


FIXED = "ec5ddb4d17c573beb5ea324722b6b61c41656564578e64846c183e1c876f8588"


@pytest.mark.parametrize("language", hdn_verify.LANGUAGES)
def test_every_kind_of_record_has_words(language: str) -> None:
    for kind in Kind:
        event = {} if kind < 3 or kind > 7 else {"id": ["110100", "DCM", "X"], "type": ["X", "DCM", "X"], "outcome": 12}
        record = {"kind": int(kind), "time": TIME, "peer": "urn:oid:1.2", "cid": "", "subject": "", "event": event}
        told = hdn_verify.describe(record, language, {"urn:oid:1.2": "There"}, "Here")
        assert told.what
        assert told.who
        assert "{" not in told.what


def test_a_request_that_arrived_is_the_other_institutions_act() -> None:
    """Its record is written before anybody is known by name: it names no participant."""
    record = {"kind": 2, "time": TIME, "peer": "urn:oid:1.2", "cid": "x", "subject": PATIENT, "event": {"note": {}}}
    told = hdn_verify.describe(record, "en", {"urn:oid:1.2": "There"}, "Here")
    assert (told.who, told.role) == ("There", "connected institution")


def test_a_user_has_a_name_for_people_and_the_address_of_what_they_sit_at() -> None:
    people = [
        {"user": "https://x.example/iti-43", "requestor": False, "role": ["110153", "DCM", ""]},
        {"user": "ward (application)", "requestor": False, "role": ["110152", "DCM", ""], "address": "10.1.4.20"},
        {
            "user": "<b@idp>",
            "name": "<b@idp>",
            "alternative": "Dr Berta B",
            "requestor": True,
            "role": ["1", "S", "GP"],
        },
    ]
    event = {"participants": people, "purpose": [["TREAT", "2.16", "x"], ["7", "2.16", "other reason"]], "outcome": 0}
    record = {"kind": 5, "time": TIME, "peer": "", "cid": "", "subject": PATIENT, "event": event}
    told = hdn_verify.describe(record, "en", {}, "Here")
    assert (told.who, told.role, told.address) == ("Dr Berta B <b@idp>", "GP", "10.1.4.20")
    assert told.purpose == "treatment, other reason"
    assert hdn_verify.describe(record, "zh", {}, "Here").purpose == "治疗, other reason"


@pytest.mark.parametrize(
    ("participants", "who", "role"),
    [
        pytest.param(
            [("dr.b", "Berta B", True, Coded("46255001", "SCT", "Pharmacist"))], "Berta B", "Pharmacist", id="human"
        ),
        pytest.param(
            [
                ("https://x/iti-43", "", True, Coded("110153", "DCM", "")),
                ("ward (application)", "", False, Coded("110152", "DCM", "")),
            ],
            "ward",
            "application of this institution",
            id="the caller, not the endpoint",
        ),
        pytest.param([("root", "", True, Coded("110151", "DCM", ""))], "root", "administrator", id="a command"),
        pytest.param(
            [
                ("ward (application)", "", False, Coded("110153", "DCM", "")),
                ("<b@https://idp.example>", "<b@https://idp.example>", True, Coded("46255001", "SCT", "Pharmacist")),
            ],
            "<b@https://idp.example>",
            "Pharmacist",
            id="the user of an assertion",
        ),
        pytest.param(
            [("There (peer)", "", True, Coded("110153", "DCM", ""))], "There", "connected institution", id="a peer"
        ),
    ],
)
async def test_who_acted(tmp_path: Path, participants: list, who: str, role: str) -> None:
    people = tuple(
        Participant(user_id=user, user_name=name, requestor=asked, role=code)
        for user, name, asked, code in participants
    )
    place = Place(tmp_path)
    async with place.running() as ledger:
        await ledger.record(
            [NewRecord(kind=Kind.LOCAL, time=TIME, event=query_event("A-1", participants=people), subject=PATIENT)]
        )
    told = hdn_verify.describe(json.loads(made(place).report["shards"][0]["events"][0]["record"]), "en", {}, "Here")
    assert (told.who, told.role) == (who, role)
