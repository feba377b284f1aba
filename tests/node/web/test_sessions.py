"""Sessions end, and sign-in pauses (threats I18, I20)."""

from datetime import UTC, datetime

from node.documents.submission_builder import FileFacts
from node.web import throttle
from node.web.drafts import Draft, Whose
from node.web.runs import Run
from node.web.sessions import ABSOLUTE, EMERGENCY, IDLE, VISIT_IDLE, Emergency, Person, Session, Sessions, Visit
from node.web.throttle import Throttle
from node.web.uploads import Upload
from trust.accounts.store import Duty
from trust.audit.event import Coded
from trust.identity.names import BY_CODE


def session(now=0.0) -> Session:
    return Session(
        user="a",
        full_name="A",
        duty=Duty.CLINICIAN,
        began=now,
        seen=now,
        authenticated=datetime(2026, 1, 1, tzinfo=UTC),
        context=BY_CODE,
    )


def test_I18_each_session_has_a_cookie_of_its_own_that_is_not_kept():
    sessions = Sessions()
    one, other = sessions.begin(session()), sessions.begin(session())
    assert one != other
    assert len(one) >= 43
    assert one.encode() not in sessions._open


def test_I18_idle_and_absolute_ends():
    sessions = Sessions()
    cookie = sessions.begin(session())
    assert sessions.find(cookie, IDLE)
    assert sessions.find(cookie, 2 * IDLE + 1) is None
    cookie = sessions.begin(session())
    now = 0.0
    while now < ABSOLUTE:
        assert sessions.find(cookie, now)
        now += IDLE / 2
    assert sessions.find(cookie, ABSOLUTE + 1) is None


def test_I18_sign_out_counts_at_the_node():
    sessions = Sessions()
    cookie = sessions.begin(session())
    sessions.end(cookie)
    assert sessions.find(cookie, 1.0) is None


def test_a_visit_ends_when_it_is_left():
    one = session()
    one.visits["h"] = Visit(person=Person(cx="1^^^&1.2&ISO"), purpose=Coded("TREAT", "s", "t"), seen=0.0)
    assert one.visit("h", VISIT_IDLE)
    assert one.visit("h", 2 * VISIT_IDLE + 1) is None


def test_I20_a_name_pauses_where_it_was_tried_and_is_forgotten_later():
    guard = Throttle()
    for _ in range(throttle.PLACE_FAILURES):
        assert not guard.paused("a", "10.0.0.1", 1.0)
        guard.failed("a", "10.0.0.1", 1.0)
    assert guard.paused("a", "10.0.0.1", 2.0)
    assert not guard.paused("b", "10.0.0.1", 2.0)
    assert not guard.paused("a", "10.0.0.1", 2.0 + throttle.PAUSE)


def test_I20_nobody_is_kept_out_by_who_tries_their_name_elsewhere():
    """Not by one address, however long it goes on, and not by as many as a house may have wrong passwords in."""
    guard = Throttle()
    for number in range(throttle.ADDRESS_FAILURES):
        guard.failed("a", f"10.0.0.{number % 2 + 1}", float(number))
    assert guard.paused("a", "10.0.0.1", 31.0)
    assert not guard.paused("a", "10.0.0.99", 31.0)


def test_I20_a_name_pauses_everywhere_when_guessing_is_spread_over_addresses():
    guard = Throttle()
    for number in range(throttle.NAME_FAILURES):
        assert not guard.paused("a", f"10.0.{number}.1", 1.0)
        guard.failed("a", f"10.0.{number}.1", 1.0)
    assert guard.paused("a", "10.1.0.1", 2.0)
    assert not guard.paused("b", "10.1.0.1", 2.0)


def test_I20_whoever_signs_in_clears_no_failures_of_others_for_the_name():
    guard = Throttle()
    for number in range(throttle.NAME_FAILURES - 1):
        guard.failed("a", f"10.0.{number}.1", 1.0)
    guard.failed("a", "10.1.0.1", 1.0)
    guard.succeeded("a", "10.1.0.1", 1.0)
    assert not guard.paused("a", "10.1.0.1", 2.0)
    guard.failed("a", "10.2.0.1", 2.0)
    assert guard.paused("a", "10.1.0.1", 2.0)


def test_I20_an_address_pauses_after_failures_for_many_names():
    guard = Throttle()
    for number in range(throttle.ADDRESS_FAILURES):
        guard.failed(f"n{number}", "10.0.0.1", 1.0)
    assert guard.paused("new", "10.0.0.1", 2.0)


def test_I20_whoever_signs_in_takes_back_a_try_of_the_address_and_no_failure():
    """A ward behind one address: its people may sign in as often as they like."""
    guard = Throttle()
    guard.failed("somebody else", "10.0.0.1", 1.0)
    for number in range(2 * throttle.ADDRESS_FAILURES):
        assert not guard.paused(f"n{number}", "10.0.0.1", 2.0)
        guard.failed(f"n{number}", "10.0.0.1", 2.0)
        guard.succeeded(f"n{number}", "10.0.0.1", 2.0)
    for number in range(throttle.ADDRESS_FAILURES - 1):
        assert not guard.paused("new", "10.0.0.1", 3.0)
        guard.failed(f"f{number}", "10.0.0.1", 3.0)
    assert guard.paused("new", "10.0.0.1", 3.0)


def emergency(now: float) -> Emergency:
    return Emergency(
        until=now + EMERGENCY,
        ends=datetime(2026, 1, 1, 11, 40, tzinfo=UTC),
        purpose=Coded("BTG", "s", "break the glass"),
        reason="r",
    )


def test_an_emergency_is_over_after_its_hour():
    """Purpose, banner and what it had opened: all of it, although nobody ended it."""
    one = session()
    visit = Visit(
        person=Person(cx="1^^^&1.2&ISO"), purpose=Coded("TREAT", "s", "t"), seen=EMERGENCY, emergency=emergency(0.0)
    )
    one.visits["h"] = visit
    one.keep("r", Run("h", {}, "own", until=EMERGENCY))
    one.keep("before", Run("h", {}, "own"))
    late = EMERGENCY - 1.0
    assert visit.purpose_at(late).code == "BTG"
    assert one.run("h", "r", late)
    assert visit.emergency_at(EMERGENCY) is None
    assert visit.purpose_at(EMERGENCY).code == "TREAT"
    assert one.run("h", "r", EMERGENCY) is None
    assert one.run("h", "before", EMERGENCY)
    assert one.run("another patient", "before", EMERGENCY) is None


def test_an_emergency_ends_when_its_user_says_so():
    one = session()
    one.visits["h"] = Visit(
        person=Person(cx="1^^^&1.2&ISO"), purpose=Coded("TREAT", "s", "t"), seen=0.0, emergency=emergency(0.0)
    )
    one.keep("r", Run("h", {}, "own", until=EMERGENCY))
    one.end_emergency("h")
    assert one.visits["h"].purpose_at(1.0).code == "TREAT"
    assert one.run("h", "r", 1.0) is None


def waiting(handle: str, until: float) -> Draft:
    upload = Upload(fields={}, kept=Kept())
    return Draft(handle=handle, upload=upload, facts=FACTS, whose=Whose.NOT_SAID, until=until)


class Kept:
    """A file in the spool."""

    def close(self) -> None:
        """Gone."""


FACTS = FileFacts(name="a.txt", mime_type="text/plain", size=1, sha1="", modified="")


def test_a_file_that_waits_to_be_published_is_forgotten_in_time_and_with_its_patient():
    sessions, one = Sessions(), session()
    sessions.begin(one)
    files = {
        name: waiting("h" if name == "b" else "g", until) for name, until in (("a", 10.0), ("b", 20.0), ("c", 30.0))
    }
    for name, file in files.items():
        sessions.hold(one, name, file)
    assert one.draft("g", "a", 9.0) is files["a"]
    assert one.draft("h", "a", 9.0) is None  # of another patient
    sessions.expire(10.0)
    assert [file.upload.kept is None for file in files.values()] == [True, False, False]
    one.end_visit("h")
    assert [file.upload.kept is None for file in files.values()] == [True, True, False]
    assert one.draft("g", "c", 30.0) is None
    assert files["c"].upload.kept is None


def test_files_that_wait_are_few_for_each_and_for_all():
    sessions, held = Sessions(), []
    for number in range(60):
        one = session()
        sessions.begin(one)
        for name in "abcd":
            held.append(waiting("g", 1000.0 + number))
            sessions.hold(one, name, held[-1])
        assert list(one.drafts) == ["b", "c", "d"]
    kept = [one.upload.kept is not None for one in held]
    assert sum(kept) == 100
    assert not any(kept[:80])


def test_a_file_that_comes_after_sign_out_is_not_kept():
    sessions, one, file = Sessions(), session(), waiting("g", 10.0)
    sessions.end(sessions.begin(one))
    sessions.hold(one, "a", file)
    assert (file.upload.kept, one.drafts) == (None, {})
