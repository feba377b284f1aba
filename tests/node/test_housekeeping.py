"""Retention and legal hold: what goes, what stays and why, what is on record, and what a kill in the middle leaves."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from node.configuration.config import load
from node.configuration.keeping import RetentionRule, RetentionSection
from node.faults import Faults
from node.health import Level
from node.iti import iti62_remove_metadata as iti62
from node.iti import iti86_remove_documents as iti86
from node.unregistered import unregistered
from registry.ebrim.reader import RemoveObjects
from registry.errors import XdsErrors
from registry.metadata.objects import Association
from registry.store.holds import DOCUMENT, Hold, Holds
from repository.messages import DocumentRequest
from repository.store.inbox import held_name
from tests.commands import XDSNODE
from tests.node import policy_bench
from tests.node.policy_bench import ANNA, ANNA_BEFORE, NOW, Bench
from tests.registry.registry_bench import code, entry, uuid
from trust.identity.caller import Caller, Role

LAB = "LAB^2.999.8.1"
OLD, YOUNG = "20100601120000", "20260101120000"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    yield from policy_bench.bench(policy_bench.config(tmp_path_factory.mktemp("keeping")))


@pytest.fixture
def bench(made: Bench) -> Iterator[Bench]:
    services, config, clock = made.services, made.services.config, made.services.clock
    services.clock = services.actors.clock = lambda: NOW
    yield made
    services.config, services.clock, services.actors.clock = config, clock, clock
    for one in made.order("hold list")["holds"]:
        made.order("hold clear", **{one["kind"]: one["subject"]})


def rules(bench: Bench, *given: tuple[str, int, tuple[str, ...], tuple[str, ...]]) -> None:
    section = RetentionSection(
        rules=tuple(RetentionRule(name=name, years=years, classes=c, types=t) for name, years, c, t in given)
    )
    bench.services.config = replace(bench.services.config, retention=section)


def submit(bench: Bench, created: str = OLD, class_code: str = "LAB", type_code: str = "PROG", **given: object) -> str:
    number = next(bench.numbers)
    repository = bench.services.actors.own.repository_unique_id
    values = {"patient": ANNA, "creation_time": (created,), "hash": (), "size": (), "repository_unique_id": ()}
    document = entry(
        uuid(number), unique_id=f"2.999.9.{number}", class_codes=(code(class_code),), type_codes=(code(type_code),),
        **(values | given),
    )  # fmt: skip
    assert repository
    bench.submit(document, f"content {number}".encode())
    return document.unique_id


def listed(bench: Bench) -> dict[str, str]:
    return {one["unique_id"]: one["rule"] for one in bench.order("retention list")["documents"]}


def there(bench: Bench, unique_id: str) -> tuple[bool, bool]:
    """Whether its metadata and its content are here."""
    services = bench.services
    return unique_id in services.registry.documents([unique_id]), services.repository.locate(unique_id) is not None


def test_the_longest_rule_that_speaks_of_a_document_decides(bench: Bench) -> None:
    lab, young, note = submit(bench), submit(bench, YOUNG), submit(bench, class_code="NOTE")
    typed = submit(bench, type_code="SPECIAL")
    elsewhere = entry(uuid(next(bench.numbers)), patient=ANNA, unique_id="2.999.9.404", creation_time=(OLD,))
    bench.submit(elsewhere, None)
    rules(bench, ("lab", 10, (LAB,), ()), ("special", 30, (), ("SPECIAL^2.999.8.1",)))
    found = listed(bench)
    assert found[lab] == "lab"
    assert not {young, note, typed, "2.999.9.404"} & {*found}
    rules(bench, ("everything", 1, (), ()))
    assert {note, typed, lab} <= {*listed(bench)}
    assert young not in listed(bench)
    for one in (lab, note):
        assert there(bench, one) == (True, True)  # listing removes nothing


def test_what_has_outlived_goes_for_good_and_the_record_says_what_it_was(bench: Bench) -> None:
    gone, kept = submit(bench), submit(bench, YOUNG)
    rules(bench, ("lab", 10, (LAB,), ()))
    removed = bench.order("retention apply", most=1000)
    assert gone in {one["unique_id"] for one in removed["removed"]}
    assert (there(bench, gone), there(bench, kept)) == ((False, False), (True, True))
    assert bench.order("retention apply", most=1000)["removed"] == []
    rows = bench.services.reader.execute("SELECT body FROM audit_record ORDER BY seq").fetchall()
    (record,) = [body.decode() for (body,) in rows if gone.encode() in body and b"retention rule" in body]
    for part in ("removed by the retention rule lab", "availabilityStatus", '"subject":"2.999.1|ANNA"'):
        assert part in record
    assert 'EventActionCode="D"' in json.loads(record)["dicom"]


def test_a_document_that_others_refer_to_takes_along_what_is_about_it_alone(bench: Bench) -> None:
    old = submit(bench)
    (first,) = bench.services.registry.documents([old])[old]
    number = next(bench.numbers)
    newer = entry(uuid(number), patient=ANNA, unique_id=f"2.999.9.{number}", creation_time=(YOUNG,), hash=(), size=(),
                  repository_unique_id=())  # fmt: skip
    appended = Association(
        entry_uuid=uuid(next(bench.numbers)), association_type="urn:ihe:iti:2007:AssociationType:APND",
        source=newer.entry_uuid, target=first.entry_uuid,
    )  # fmt: skip
    bench.submit(newer, b"an addendum", appended)
    rules(bench, ("lab", 10, (LAB,), ()))
    bench.order("retention apply", most=1000)
    assert (there(bench, old), there(bench, newer.unique_id)) == ((False, False), (True, True))


@pytest.mark.parametrize("of_patient", [True, False], ids=["the patient", "the document"])
def test_a_hold_stops_every_removal_until_it_is_cleared(bench: Bench, of_patient: bool) -> None:
    held = submit(bench)
    (first,) = bench.services.registry.documents([held])[held]
    # ANNA0 was merged into ANNA: a hold under either name is one of the person
    subject = {"patient": ANNA_BEFORE} if of_patient else {"document": held}
    assert bench.order("hold set", reason="court order", **subject)["new"]
    assert not bench.order("hold set", reason="again", **subject)["new"]
    rules(bench, ("lab", 10, (LAB,), ()))
    assert [one["held"] for one in bench.order("retention list")["documents"] if one["unique_id"] == held] == [True]
    assert held in bench.order("retention apply", most=1000)["held"]
    request = RemoveObjects((first.entry_uuid,))
    with pytest.raises(XdsErrors, match="legal hold"):
        bench.write(lambda connection: removing(bench, iti62.remove_metadata, request, connection))
    own = bench.services.actors.own
    asked = DocumentRequest(
        home_community_id=None, repository_unique_id=own.repository_unique_id, document_unique_id=held
    )
    answers: list = []
    bench.write(lambda one: answers.append(removing(bench, iti86.remove_documents, (asked,), one)))
    assert [str(error.code) for error in answers[0].errors] == ["XDSRepositoryError"]
    assert there(bench, held) == (True, True)
    bench.order("hold clear", reason="closed", **subject)
    bench.order("retention apply", most=1000)
    assert there(bench, held) == (False, False)


def test_a_hold_outlives_the_undoing_of_a_merge(bench: Bench) -> None:
    """It was set on the survivor, or on the other one before: both stay held, each until its own is cleared."""
    held = submit(bench)
    names = {ANNA, ANNA_BEFORE}

    def holds() -> set[str]:
        return {one["subject"] for one in bench.order("hold list")["holds"]}

    try:
        bench.order("hold set", patient="ANNA", reason="court order")
        bench.order("patient unmerge", subsumed=ANNA_BEFORE)
        assert holds() == names
        bench.order("hold clear", patient=ANNA)
        assert holds() == {ANNA_BEFORE}
        assert not bench.services.registry.keeping().held(held)
        bench.order("patient merge", survivor=ANNA, subsumed=ANNA_BEFORE)
        assert bench.services.registry.keeping().held(held)
        bench.order("patient unmerge", subsumed=ANNA_BEFORE)
        assert holds() == names
        assert {one["reason"] for one in bench.order("hold list")["holds"]} == {"court order"}
    finally:
        bench.order("patient merge", survivor=ANNA, subsumed=ANNA_BEFORE)
    for _ in names:
        bench.order("hold clear", patient="ANNA")
    assert holds() == set()
    with pytest.raises(Faults, match=r"hold\.none"):
        bench.order("hold clear", patient="ANNA")


def test_what_is_stored_and_registered_nowhere_is_named_and_can_be_erased(bench: Bench) -> None:
    """ITI-62 without ITI-86; a document that is registered, held, or waits in the inbox is none of it."""
    config, repository = bench.services.config, bench.services.actors.repository
    assert list(unregistered(config, NOW)) == []
    left, kept = submit(bench), submit(bench)
    with pytest.raises(Faults, match=r"document\.registered"):
        bench.order("document erase", unique_id=left)
    registry = bench.services.registry
    bench.write(lambda one: registry.on(one).remove_all(registry.on(one).with_dependents(left)))
    bench.write(lambda connection: repository.rename(connection, kept, held_name(1, 0)))
    try:
        (finding,) = unregistered(config, NOW)
        assert (finding.level, finding.what.partition(":")[2]) == (Level.WARN, f" {left}")
        with pytest.raises(Faults, match=r"document\.unknown"):
            bench.order("document erase", unique_id=held_name(1, 0))
    finally:
        bench.write(lambda connection: repository.rename(connection, held_name(1, 0), kept))
    bench.write(
        lambda one: Holds(one).set(Hold(kind=DOCUMENT, subject=left, reason="r", by="b", since="20260101000000"))
    )
    with pytest.raises(Faults, match=r"document\.held"):
        bench.order("document erase", unique_id=left)
    bench.write(lambda one: Holds(one).clear(DOCUMENT, left))
    bench.order("document erase", unique_id=left)
    assert (there(bench, left), there(bench, kept)) == ((False, False), (True, True))
    assert list(unregistered(config, NOW)) == []
    body = (
        bench.services.reader.execute("SELECT body FROM audit_record ORDER BY seq DESC LIMIT 1").fetchone()[0].decode()
    )
    assert (left in body, "registered nowhere" in body) == (True, True)


def removing(bench: Bench, handle: Callable, request, connection):
    operator = Caller(role=Role.OPERATOR, name="registrar", fingerprint="f", address="")
    return handle(request, None, bench.exchange(operator, NOW), connection)


@pytest.mark.parametrize(
    ("command", "arguments", "refusal"),
    [
        ("hold set", {"patient": "NOBODY", "reason": "x"}, "patient.unknown"),
        ("hold set", {"document": "2.999.404", "reason": "x"}, "document.unknown"),
        ("hold set", {"reason": "x"}, "usage"),
        ("hold clear", {"patient": "ANNA"}, "hold.none"),
        ("retention list", {}, "retention.none"),
        ("retention apply", {"most": 0}, "usage"),
    ],
)
def test_refusals(bench: Bench, command: str, arguments: dict, refusal: str) -> None:
    with pytest.raises(Faults) as raised:
        bench.order(command, **arguments)
    assert raised.value.faults[0].code == refusal


def test_a_kill_in_the_middle_leaves_each_document_whole_or_gone(tmp_path) -> None:
    """kill -9 while it removes: metadata, content and the record of a removal are there together or not at all."""
    config = policy_bench.config(tmp_path)
    filling = policy_bench.reopened(config)
    bench = next(filling)
    bench.order("patient add", patient="ANNA")
    documents = [submit(bench) for _ in range(20)]
    next(filling, None)
    path = config.root / "node.toml"
    path.write_text(path.read_text() + f'\n[[retention.rules]]\nname = "lab"\nclasses = ["{LAB}"]\nyears = 10\n')
    assert load(config.root).retention.rules
    removing = subprocess.Popen(
        [XDSNODE, "retention", "apply", "--dir", str(config.root)], stdout=subprocess.PIPE, text=True
    )
    assert removing.stdout is not None
    first = removing.stdout.readline().split()[0]
    removing.send_signal(signal.SIGKILL)
    removing.wait(20)
    again = policy_bench.reopened(config)
    bench = next(again)
    deleted = {one for one in documents if on_record(bench, one)}
    assert first in deleted
    for one in documents:
        assert there(bench, one) == ((False, False) if one in deleted else (True, True)), one
    bench.services.config = load(config.root)
    while bench.order("retention apply", most=100)["more"]:
        pass
    assert not any(any(there(bench, one)) for one in documents)
    bench.services.repository.sweep(bench.services.reader, 0)
    left = {path.name for path in config.folder.blobs.rglob("*") if path.is_file()}
    assert left == set()
    next(again, None)


def on_record(bench: Bench, unique_id: str) -> bool:
    found = bench.services.reader.execute(
        "SELECT 1 FROM audit_record WHERE instr(body, ?) AND instr(body, 'retention rule')",
        (f'"{unique_id}"'.encode(),),
    )
    return found.fetchone() is not None


def test_29_february() -> None:
    from node.administration.housekeeping import _years_ago

    assert f"{_years_ago(NOW.replace(year=2028, month=2, day=29), 10):%Y-%m-%d}" == "2018-02-28"
    assert _years_ago(NOW, 10) + timedelta(0) == NOW.replace(year=2016)
