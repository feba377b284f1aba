"""A witness answers as C2SP tlog-witness says: the given vectors byte for byte, and every status."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared import SHARED, needs_shared
from trust.errors import BadSignature
from trust.ledger import hdn_verify
from trust.ledger.checkpoint import (
    BadNote,
    Checkpoint,
    CosignatureSigner,
    NoteSigner,
    VerificationKey,
    parse_checkpoint,
    parse_note,
    verified_by,
)
from trust.ledger.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of, subtree_of
from trust.ledger.policy import policy_of
from trust.ledger.witness import (
    MAX_BODY,
    AddCheckpoint,
    Evidence,
    Grade,
    Judged,
    Seen,
    judge,
    judge_evidence,
    read_request,
    write_evidence,
    write_request,
)

ORIGIN = "node-a.example/audit/2026"
LOG = NoteSigner(ORIGIN, bytes(range(32)))
OTHER = NoteSigner("node-x.example/audit/2026", bytes(32))
WITNESS = CosignatureSigner("node-b.example/witness", bytes(range(32, 64)))
NOW = 1_790_000_000

LEAVES = [leaf_hash(b"leaf %d" % number) for number in range(40)]
FORKED = [*LEAVES[:17], leaf_hash(b"another"), *LEAVES[18:]]


def keys(origin: str) -> VerificationKey | None:
    return LOG.key if origin == ORIGIN else None


def note(size: int, leaves: list[bytes] = LEAVES, signer: NoteSigner = LOG) -> bytes:
    root = root_of(leaves[:size]) if size else EMPTY_ROOT
    return signer.sign(Checkpoint(signer.key.name, size, root).text())


def proof(old: int, new: int, leaves: list[bytes] = LEAVES) -> tuple[bytes, ...]:
    return tuple(consistency_proof(old, new, subtree_of(leaves)))


def asked(old: int, size: int, leaves: list[bytes] = LEAVES, **values: object) -> AddCheckpoint:
    given_ = {"old": old, "proof": proof(old, size, leaves) if old <= size else (), "note": note(size, leaves)}
    return AddCheckpoint(**(given_ | values))  # type: ignore[arg-type]


class Memory:
    """A witness: decides and remembers as the one transaction does."""

    def __init__(self) -> None:
        self.seen: dict[str, Seen] = {}

    def add(self, request: AddCheckpoint, time: int = NOW) -> Judged:
        judged = judge(request, self.seen.get, keys, WITNESS, time)
        if judged.seen is not None:
            assert judged.status == 200
            self.seen[judged.seen.checkpoint.origin] = judged.seen
        return judged

    @property
    def size(self) -> int:
        return self.seen[ORIGIN].checkpoint.size if self.seen else 0


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def at_20(memory: Memory) -> Memory:
    assert memory.add(asked(0, 20)).status == 200
    return memory


@needs_shared
def test_the_vectors_byte_for_byte(memory: Memory) -> None:
    """The witness of the vectors remembers size 5 and is asked for 300 at the vector's time."""
    place = SHARED / "vectors/tlog/out"
    given_ = json.loads((place / "vectors.json").read_text(encoding="utf-8"))
    five = given_["logs"]["5"]["checkpoint"].encode()
    memory.seen[ORIGIN] = Seen(Checkpoint(ORIGIN, 5, bytes.fromhex(given_["logs"]["5"]["root_hex"])), five)
    body = (place / "witness/add-checkpoint.request").read_bytes()
    expected = (place / "witness/add-checkpoint.response").read_bytes()
    request = read_request(body)
    assert write_request(request) == body
    time = int.from_bytes(parse_note(request.note + expected).signatures[-1].value[:8], "big")
    judged = memory.add(request, time)
    assert (judged.status, judged.body) == (200, expected)
    assert WITNESS.key.render() == given_["witnesses"][0]["vkey"]
    assert memory.seen[ORIGIN].note == request.note + expected


@needs_shared
def test_a4_the_forked_vectors() -> None:
    """A witness at 300 refuses the forked view and holds the proof; a lagging one at 5 must believe it (A5)."""
    place = SHARED / "vectors/tlog/out"
    given_ = json.loads((place / "vectors.json").read_text(encoding="utf-8"))
    first = parse_note((place / "log300/checkpoint").read_bytes())
    honest = f"{first.text}\n{first.signatures[0].render()}".encode()
    at_300 = Memory()
    at_300.seen[ORIGIN] = Seen(Checkpoint(ORIGIN, 300, bytes.fromhex(given_["roots_by_size"]["300"])), honest)
    same = read_request((place / "fork/add-checkpoint-same-size.request").read_bytes())
    judged = at_300.add(same)
    assert judged.status == 422
    assert judged.evidence is not None
    assert (judged.evidence.grade, judged.evidence.notes) == (Grade.E1, (honest, same.note))
    from_5 = read_request((place / "fork/add-checkpoint-from-5.request").read_bytes())
    judged = at_300.add(from_5)
    assert (judged.status, judged.body) == (409, b"300\n")
    assert judged.evidence is not None
    assert judged.evidence.grade is Grade.E1
    lagging = Memory()
    lagging.seen[ORIGIN] = Seen(Checkpoint(ORIGIN, 5, bytes.fromhex(given_["logs"]["5"]["root_hex"])), b"")
    assert lagging.add(from_5).status == 200


def test_the_first_checkpoint_and_a_later_one(memory: Memory) -> None:
    first = memory.add(asked(0, 7))
    assert (first.status, first.advanced) == (200, True)
    assert verified_by(parse_note(note(7) + first.body), WITNESS.key)
    later = memory.add(asked(7, 30))
    assert (later.status, later.advanced, memory.size) == (200, True, 30)
    again = memory.add(asked(30, 30), NOW + 60)
    assert (again.status, again.advanced) == (200, False)


UNSIGNED = note(30).replace(note(30)[-20:-12], b"AAAAAAAA")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(asked(20, 30, note=note(30, signer=OTHER)), 404, id="unknown origin"),
        pytest.param(asked(20, 30, note=UNSIGNED), 403, id="bad signature of a known key"),
        pytest.param(
            asked(20, 30, note=note(30) + parse_note(UNSIGNED).signatures[0].render().encode()),
            403,
            id="a bad signature beside a good one",
        ),
        pytest.param(
            asked(20, 30, note=note(30).replace(f"\u2014 {ORIGIN}".encode(), b"\xe2\x80\x94 somebody.example")),
            403,
            id="no known signature",
        ),
        pytest.param(asked(31, 30), 400, id="old above the checkpoint"),
        pytest.param(asked(19, 30), 409, id="another old size"),
        pytest.param(asked(0, 30), 409, id="old zero although known"),
        pytest.param(asked(20, 30, proof=()), 422, id="no proof"),
        pytest.param(asked(20, 30, proof=(bytes(32), *proof(20, 30)[1:])), 422, id="wrong proof"),
        pytest.param(asked(20, 30, proof=(*proof(20, 30), bytes(32))), 422, id="a hash too many"),
        pytest.param(asked(20, 20, FORKED), 422, id="A4 same size, another root"),
        pytest.param(asked(20, 30, FORKED), 422, id="A4 another history"),
        pytest.param(asked(20, 20, proof=(bytes(32),)), 422, id="proof for the same size"),
        pytest.param(asked(20, 30, note=b"x\n\ny"), 400, id="no checkpoint"),
    ],
)
def test_what_is_refused_changes_nothing(at_20: Memory, request_: AddCheckpoint, status: int) -> None:
    before = dict(at_20.seen)
    judged = at_20.add(request_)
    assert judged.status == status
    assert judged.seen is None
    assert at_20.seen == before
    if status == 409:
        assert (judged.body, judged.content_type) == (b"20\n", "text/x.tlog.size")
    else:
        assert judged.body == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(asked(0, 0), 200, id="an empty log"),
        pytest.param(asked(0, 5, proof=(bytes(32),)), 422, id="proof although old is zero"),
        pytest.param(
            AddCheckpoint(0, (), LOG.sign(Checkpoint(ORIGIN, 0, bytes(32)).text())), 422, id="wrong root of nothing"
        ),
        pytest.param(asked(1, 5), 409, id="never seen"),
    ],
)
def test_a_log_that_was_never_seen(memory: Memory, request_: AddCheckpoint, status: int) -> None:
    assert memory.add(request_).status == status


def test_a3_a_truncated_log_is_refused(at_20: Memory) -> None:
    """The tail is cut and the log signed again: whatever old size it claims, the witness remembers more."""
    for old in (0, 5, 12, 15):
        judged = at_20.add(asked(old, 15))
        assert (judged.status, judged.body) == (409, b"20\n")
    assert at_20.add(asked(20, 15)).status == 400
    assert at_20.size == 20


def test_a4_evidence_of_a_fork_is_self_contained(at_20: Memory) -> None:
    judged = at_20.add(asked(20, 20, FORKED))
    assert judged.evidence is not None
    received = judge_evidence(write_evidence(judged.evidence), keys)
    assert received.grade is Grade.E1
    assert received.id == judged.evidence.id
    swapped = Evidence(ORIGIN, Grade.E1, (received.notes[1], received.notes[0]))
    assert judge_evidence(write_evidence(swapped), keys).id == received.id


def test_two_sizes_without_a_proof_are_only_an_observation(at_20: Memory) -> None:
    judged = at_20.add(asked(20, 30, FORKED))
    assert judged.evidence is not None
    assert judged.evidence.grade is Grade.E2
    with pytest.raises(BadSignature):
        judge_evidence(write_evidence(judged.evidence), keys)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(note(20), id="one note"),
        pytest.param(note(20) + b"\n" + note(20), id="the same twice"),
        pytest.param(note(20) + b"\n" + note(30, FORKED), id="two sizes"),
        pytest.param(note(20) + b"\n" + note(20, FORKED, OTHER), id="two logs"),
        pytest.param(note(20, LEAVES, OTHER) + b"\n" + note(20, FORKED, OTHER), id="an unknown log"),
        pytest.param(note(20) + b"\n" + note(20, FORKED).replace(b"=\n\n", b"=\n\n", 1)[:-9] + b"AAAAAA=\n", id="bad"),
        pytest.param(note(20) + b"\n" + note(20, FORKED) + b"\n" + note(20), id="three notes"),
        pytest.param(b"\xff" * 40_000, id="large"),
    ],
)
def test_evidence_that_proves_nothing(body: bytes) -> None:
    with pytest.raises(BadSignature):
        judge_evidence(body, keys)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 5\n",
        b"old 05\n\n" + note(20),
        b"old -1\n\n" + note(20),
        b"old  5\n\n" + note(20),
        b"new 5\n\n" + note(20),
        b"old 9223372036854775808\n\n" + note(20),
        b"old 5\nAAAA\n\n" + note(20),
        b"old 5\r\n\r\n" + note(20),
        b"old 5\n" + b"A" * 43 + b"\n\n" + note(20),
        b"old 5\n" + b"A" * 42 + b"B=\n\n" + note(20),
        b"old 5\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + note(20),
        b"old 5\n\xff\n\n" + note(20),
        b"old 5\n\n" + note(20) + b"x" * MAX_BODY,
    ],
)
def test_a_request_in_any_other_form(body: bytes) -> None:
    with pytest.raises(BadNote):
        read_request(body)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12))
def test_what_was_cosigned_is_always_one_history(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever is asked in whatever order: the cosigned checkpoints form one chain of prefixes that only grows."""
    memory = Memory()
    roots: list[Checkpoint] = []
    for old, size, forked in steps:
        leaves = FORKED if forked else LEAVES
        before = memory.seen.get(ORIGIN)
        judged = memory.add(asked(old, size, leaves))
        if judged.status == 200:
            assert judged.seen is not None
            roots.append(judged.seen.checkpoint)
        else:
            assert memory.seen.get(ORIGIN) == before
    sizes = [one.size for one in roots]
    assert sizes == sorted(sizes)
    assert any(
        all(one.root == (root_of(leaves[: one.size]) if one.size else EMPTY_ROOT) for one in roots)
        for leaves in (LEAVES, FORKED)
    )


def test_a_cosignature_names_its_time() -> None:
    line = WITNESS.line(parse_note(note(5)).text, NOW)
    found = parse_note(note(5) + line)
    assert int.from_bytes(found.signatures[1].value[:8], "big") == NOW
    assert verified_by(found, WITNESS.key)
    changed = bytearray(found.signatures[1].value)
    changed[7] ^= 1
    assert not WITNESS.key.verifies(found.text.encode(), bytes(changed))


def witnesses(count: int) -> list[CosignatureSigner]:
    return [CosignatureSigner(f"node-{number}.example/witness", bytes([number + 1]) * 32) for number in range(count)]


SEVEN = policy_of([one.key for one in witnesses(7)], 5)


def test_a5_a_lagging_witness_is_outvoted() -> None:
    """n = 7, k = 5, over all subsets: whoever lags and whichever two lie, the forged view never gets a quorum.

    The honest view was signed by a quorum; every honest witness of it refuses the forged one, every other witness may
    still be at 5 and believe it.
    """
    assert (SEVEN.needed, SEVEN.tolerated) == (5, 2)
    everybody = frozenset(range(7))
    up_to_date, lagging = Memory(), Memory()
    for memory in (up_to_date, lagging):
        assert memory.add(asked(0, 5)).status == 200
    assert up_to_date.add(asked(5, 30)).status == 200
    signs_forged = {
        True: up_to_date.add(asked(5, 30, FORKED)).status == 200,
        False: lagging.add(asked(5, 30, FORKED)).status == 200,
    }
    assert signs_forged == {True: False, False: True}

    def most_forged(liars_count: int) -> int:
        return max(
            sum(one in liars or signs_forged[one in quorum] for one in everybody)
            for size in range(5, 8)
            for quorum in map(frozenset, combinations(everybody, size))
            for liars in map(frozenset, combinations(everybody, liars_count))
        )

    assert most_forged(0) == 2
    assert most_forged(SEVEN.tolerated) == 4 < SEVEN.needed
    assert most_forged(SEVEN.tolerated + 1) == SEVEN.needed  # the bound is tight


@pytest.mark.parametrize(
    ("count", "needed", "tolerated"), [(1, 1, 0), (2, 2, 0), (3, 2, 0), (4, 3, 1), (5, 3, 0), (6, 4, 1), (7, 4, 0)]
)
def test_the_usual_quorum_is_more_than_half(count: int, needed: int, tolerated: int) -> None:
    policy = policy_of([one.key for one in witnesses(count)])
    assert (policy.needed, policy.tolerated) == (needed, tolerated)


@given(st.integers(0, 5), st.integers(0, 5), st.sets(st.integers(0, 4)))
def test_the_policy_file_means_the_same_to_the_verifier(count: int, wanted: int, signing: set[int]) -> None:
    signers = witnesses(count)
    policy = policy_of([one.key for one in signers], wanted)
    text = parse_note(note(5)).text
    data = note(5) + b"".join(one.line(text, NOW) for number, one in enumerate(signers) if number in signing)
    read = hdn_verify.read_policy(policy.render([LOG.key]))
    found = hdn_verify.read_note(data, [*read.logs, *read.witnesses.values()])
    if count:
        assert policy.met(data) is read.met(read.quorum, found.signers)
    else:
        assert not policy.met(data)
        assert read.quorum == "none"


NAMES = st.sampled_from([ORIGIN, "node-b.example/witness", "a b", "a+b", "a\u00a0b", "", "node-x.example"])
BREAKS = st.sampled_from(["\n", "\r\n", "\n\n", "", "\u2028"])
SIZES = st.sampled_from(["5", "05", "0", "-1", "+5", "5 ", "\u0665", "9223372036854775807", "9223372036854775808"])
ROOTS = st.sampled_from(["AAAA", "A" * 43 + "=", "A" * 42 + "B=", "A" * 44, "A" * 43, ""])


@settings(max_examples=300, deadline=None)
@given(NAMES, SIZES, ROOTS, BREAKS, BREAKS, st.lists(st.tuples(NAMES, st.booleans()), max_size=18), st.booleans())
def test_a15_two_readers_of_notes_agree(
    name: str, size: str, root: str, first: str, blank: str, lines: list[tuple[str, bool]], extension: bool
) -> None:
    """Differential against the verifier's own parser: the same notes are accepted, with the same statement."""
    text = f"{name}{first}{size}\n{root}\n" + ("extension\n" if extension else "")
    good = LOG.sign(text).decode().rsplit("\n\n", 1)[1].split(" ", 2)[2]
    rows = "".join(f"\u2014 {who} {good if right else 'AAAAAAAA' + chr(10)}" for who, right in lines)
    data = f"{text}{blank}{rows}".encode()
    try:
        one = parse_note(data)
        stated: object = parse_checkpoint(one.text)
        signed: bool | None = verified_by(one, LOG.key)
    except BadSignature:
        stated = signed = None
    try:
        found = hdn_verify.read_note(data, [hdn_verify.read_key(LOG.key.render())])
        other: object = Checkpoint(found.origin, found.size, found.root)
        other_signed: bool | None = ORIGIN in found.signers
    except hdn_verify.Invalid:
        other = other_signed = None
    assert (stated, signed) == (other, other_signed)
