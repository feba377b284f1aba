"""HL7 v2 patient identity messages (ITI TF-2: 3.8, 3.30): what is read, and how each wrong message is answered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.patients import hl7v2
from registry.patients.acknowledgement import acknowledge, refuse
from registry.patients.hl7v2 import MessageRefused, PatientIdentityChange

AUTHORITY = "2.999.10.100"
CX = f"A-4711^^^&{AUTHORITY}&ISO"
BEFORE = f"A-4999^^^&{AUTHORITY}&ISO"
LOCAL, MERGED = "L-77^^^&2.999.5&ISO", "L-78^^^&2.999.5&ISO"


def message(
    kind: str = "ADT^A04^ADT_A01",
    *,
    pid: str = f"A-4711^^^ALPHA&{AUTHORITY}&ISO",
    mrg: str | None = None,
    control: str = "M0001",
    processing: str = "P",
    version: str = "2.3.1",
    charset: str = "",
    encoding: str = "utf-8",
    end: str = "\r",
) -> bytes:
    lines = [
        f"MSH|^~\\&|ADT|ALPHA_HOSP|PIXMGR|ALPHA|20260301101500||{kind}|{control}|{processing}|{version}||||||{charset}",
        "EVN||20260301101500",
        f"PID|||{pid}||Halvorsen^Nörá||19720415|F|||7 Quay Road^^Norwick^^90210",
        *([f"MRG|{mrg}"] if mrg is not None else []),
        "PV1||O",
    ]
    return "".join(line + end for line in lines).encode(encoding)


def read(data: bytes) -> PatientIdentityChange:
    return hl7v2.read(data, authority=AUTHORITY)


@pytest.mark.parametrize(
    ("data", "kind", "patient", "prior", "ignored"),
    [
        *[pytest.param(message(f"ADT^{event}"), "add", CX, "", 0, id=f"{event} adds") for event in ("A01", "A04", "A05", "A28")],
        *[pytest.param(message(f"ADT^{event}"), "revise", CX, "", 0, id=f"{event} revises") for event in ("A08", "A31")],
        pytest.param(message("ADT^A40^ADT_A39", mrg=f"A-4999^^^ALPHA&{AUTHORITY}&ISO"), "merge", CX, f"A-4999^^^&{AUTHORITY}&ISO", 0, id="A40 merges MRG-1 into PID-3"),
        pytest.param(message(version="2.5"), "add", CX, "", 0, id="version 2.5"),
        pytest.param(message(end="\r\n"), "add", CX, "", 0, id="CR LF between segments"),
        pytest.param(message(pid=CX), "add", CX, "", 0, id="no namespace"),
        pytest.param(message(pid=f"A-4711^^^&{AUTHORITY}"), "add", CX, "", 0, id="no type of the universal id"),
        pytest.param(message(pid="A-4711"), "add", CX, "", 0, id="a missing authority is the configured one"),
        pytest.param(message(pid="A-4711^^^ALPHA^MR"), "add", CX, "", 0, id="a namespace without OID is the configured one"),
        pytest.param(message(pid=f"77^^^LOCAL~A-4711^^^&{AUTHORITY}&ISO"), "add", CX, "", 1, id="a local number beside the right identifier is ignored"),
        pytest.param(message(pid=f"77^^^L&2.999.5&ISO~A-4711^^^&{AUTHORITY}&ISO~X^^^&1.2&ISO"), "add", CX, "", 2, id="other authorities are ignored"),
        pytest.param(message(pid=f"{CX}~{CX}"), "add", CX, "", 0, id="one identifier twice"),
        pytest.param(message(pid="77^^^L&2.999.5&ISO"), "none", "", "", 1, id="only other authorities"),
        pytest.param(message(pid=f"77^^^&{AUTHORITY}&DNS"), "none", "", "", 1, id="the authority is no OID"),
        pytest.param(message(pid=""), "none", "", "", 0, id="no identifier at all"),
        pytest.param(message(pid=f"A\\T\\1^^^&{AUTHORITY}&ISO"), "add", f"A\\T\\1^^^&{AUTHORITY}&ISO", "", 0, id="escapes stay as they are"),
        pytest.param(message(charset="8859/1", encoding="iso-8859-1"), "add", CX, "", 0, id="Latin-1 by MSH-18"),
        pytest.param(message(encoding="iso-8859-1"), "add", CX, "", 0, id="Latin-1 without MSH-18"),
        pytest.param(message(pid=f"号-1^^^&{AUTHORITY}&ISO", charset="GB 18030-2000", encoding="gb18030"), "add", f"号-1^^^&{AUTHORITY}&ISO", "", 0, id="GB 18030"),
        pytest.param(message(pid=f"号-1^^^&{AUTHORITY}&ISO", charset="UNICODE UTF-8"), "add", f"号-1^^^&{AUTHORITY}&ISO", "", 0, id="UTF-8"),
    ],
)  # fmt: skip
def test_messages(data: bytes, kind: str, patient: str, prior: str, ignored: int) -> None:
    change = read(data)
    assert (change.kind, change.patient, change.prior, change.ignored) == (kind, patient, prior, ignored)
    assert change.message_id == "M0001"
    assert change.sender == "ALPHA_HOSP|ADT"


@pytest.mark.parametrize(
    ("data", "code", "condition"),
    [
        pytest.param(b"", "AR", 100, id="empty"),
        pytest.param(b"\x00" * 1000, "AR", 100, id="zeros"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "AR", 100, id="HTTP"),
        pytest.param(b"MSH|", "AR", 102, id="MSH alone"),
        pytest.param(b"MSH|^~\\&", "AR", 200, id="MSH without fields"),
        pytest.param(message().replace(b"^~\\&", b"#~\\&"), "AR", 102, id="other encoding characters"),
        pytest.param(message().replace(b"|", b"!"), "AR", 100, id="other field separator"),
        pytest.param(message("ORU^R01"), "AR", 200, id="another message type"),
        pytest.param(message("ADT^A02"), "AR", 201, id="another event"),
        pytest.param(message("ADT^A44^ADT_A44"), "AR", 201, id="account move"),
        pytest.param(message("ADT^A43^ADT_A43", pid=f"{CX}~{LOCAL}"), "AR", 100, id="move without MRG"),
        pytest.param(message("ADT^A43^ADT_A43", pid=CX, mrg=BEFORE), "AE", 101, id="move of no local id"),
        pytest.param(message("ADT^A43^ADT_A43", pid=f"{CX}~{LOCAL}", mrg=""), "AE", 101, id="move from nobody"),
        pytest.param(message("ADT^A43^ADT_A43", pid=f"{CX}~{LOCAL}~{LOCAL}", mrg=BEFORE), "AE", 102, id="move with three identifiers"),
        pytest.param(message("ADT^A43^ADT_A43", pid=f"{CX}~L-77^^^WARD", mrg=BEFORE), "AE", 102, id="move of an id without OID"),
        pytest.param(message("ADT^A43^ADT_A43", pid=f"{LOCAL}~{CX}", mrg=BEFORE), "AE", 204, id="move to a patient of another authority"),
        pytest.param(message("ADT^A43^ADT_A43", pid=f"{CX}~{LOCAL}", mrg=LOCAL), "AE", 204, id="move from a patient of another authority"),
        pytest.param(message("ADT^A43^ADT_A43", pid=f"{CX}~{LOCAL}", mrg=f"{BEFORE}~L-1^^^&2.999.7&ISO"), "AE", 204, id="local ids of two authorities"),
        pytest.param(message("ADT"), "AR", 201, id="no event"),
        pytest.param(message(processing="X"), "AR", 202, id="processing id"),
        pytest.param(message(version="3.0"), "AR", 203, id="version 3"),
        pytest.param(message(version=""), "AR", 203, id="no version"),
        pytest.param(message(control=""), "AR", 101, id="no control id"),
        pytest.param(message(charset="EBCDIC"), "AR", 102, id="unknown character set"),
        pytest.param(message(charset="UNICODE UTF-8", encoding="iso-8859-1"), "AR", 102, id="not the declared character set"),
        pytest.param(message(charset="ASCII"), "AR", 102, id="not ASCII"),
        pytest.param(message().replace(b"PID|", b"PIX|"), "AR", 100, id="no PID"),
        pytest.param(message() + message().split(b"\r")[2] + b"\r", "AR", 100, id="two PID"),
        pytest.param(message("ADT^A40"), "AR", 100, id="merge without MRG"),
        pytest.param(message("ADT^A40", mrg=""), "AE", 204, id="merge with empty MRG-1"),
        pytest.param(message("ADT^A40", mrg="9^^^&2.999.5&ISO"), "AE", 204, id="merge of a foreign identifier"),
        pytest.param(message("ADT^A40", pid="9^^^&2.999.5&ISO", mrg="A-1"), "AE", 204, id="merge into a foreign identifier"),
        pytest.param(message(pid="A-1~A-2"), "AE", 102, id="two identifiers of one authority"),
        pytest.param(message(pid=f"^^^&{AUTHORITY}&ISO"), "AE", 102, id="an authority without identifier"),
        pytest.param(message(pid="A\x0b1"), "AE", 102, id="control character in the identifier"),
        pytest.param(message(pid="A\n1"), "AE", 102, id="line feed in the identifier"),
        pytest.param(message(pid="A\u20281"), "AE", 102, id="line separator in the identifier"),
        pytest.param(message(pid="é", encoding="iso-8859-1"), "AE", 102, id="identifier in a guessed character set"),
        pytest.param(message(pid="A" * 300), "AE", 102, id="identifier longer than an XDS patientId"),
        pytest.param(message(pid="A" * 20_000), "AR", 102, id="segment too long"),
        pytest.param(message() + b"ZZZ|\r" * 3_000, "AR", 100, id="too many segments"),
    ],
)  # fmt: skip
def test_what_is_refused(data: bytes, code: str, condition: int) -> None:
    with pytest.raises(MessageRefused) as raised:
        read(data)
    assert (raised.value.code, raised.value.condition) == (code, condition)


@pytest.mark.parametrize(
    ("pid", "mrg", "local", "subsumed"),
    [
        pytest.param(f"{CX}~{LOCAL}", BEFORE, LOCAL, "", id="a link is changed"),
        pytest.param(f"{CX}~{LOCAL}", f"{BEFORE}~{MERGED}", LOCAL, MERGED, id="a local id is merged too"),
        pytest.param(f"{CX}~{LOCAL}", f"{BEFORE}~{LOCAL}", LOCAL, "", id="merged into itself is not merged"),
        pytest.param(f"{CX}~{BEFORE}", f"{BEFORE}~{CX}", BEFORE, CX, id="local ids of the domain itself"),
        pytest.param(
            f"A-4711^^^NS&{AUTHORITY}&ISO~L-77^^^WARD&2.999.5", BEFORE, LOCAL, "", id="namespaces are left out"
        ),
    ],
)
def test_a43_names_by_position(pid: str, mrg: str, local: str, subsumed: str) -> None:
    data = message("ADT^A43^ADT_A43", pid=pid, mrg=mrg, version="2.5").replace(b"|ADT|", b"|PIX^2.999.3^ISO|")
    change = read(data)
    assert (change.kind, change.patient, change.prior) == ("move", CX, BEFORE)
    assert (change.local, change.subsumed, change.sender_oid) == (local, subsumed, "2.999.3")


def test_acknowledgement_of_2_3_1() -> None:
    change = read(message())
    ack = acknowledge(change.header, now="20260301101501", control_id="K0001")
    assert ack == (b"MSH|^~\\&|PIXMGR|ALPHA|ADT|ALPHA_HOSP|20260301101501||ACK^A04|K0001|P|2.3.1\rMSA|AA|M0001\r")


def test_refusal_of_2_5_names_place_and_condition() -> None:
    with pytest.raises(MessageRefused) as raised:
        read(message("ADT^A40^ADT_A39", mrg="A-1^^^&2.999.5&ISO", version="2.5", control="M0003"))
    ack = refuse(raised.value, now="20260301101501", control_id="K0003")
    assert ack.split(b"\r")[0].endswith(b"||ACK^A40^ACK|K0003|P|2.5")
    assert ack.split(b"\r")[1] == b"MSA|AE|M0003|no identifier of assigning authority 2.999.10.100"
    assert ack.split(b"\r")[2] == b"ERR||MRG^1^1^1^4|204^Unknown key identifier^HL70357|E"


def test_refusal_of_2_3_1_uses_err_1() -> None:
    with pytest.raises(MessageRefused) as raised:
        read(message(pid="A-1~A-2"))
    ack = refuse(raised.value, now="20260301101501", control_id="K")
    assert ack.split(b"\r")[2] == b"ERR|PID^1^3^102&Data type error&HL70357"


def test_texts_of_an_acknowledgement_cannot_end_its_segment() -> None:
    change = read(message())
    ack = acknowledge(change.header, now="20260301101501", control_id="K", text="a|b^c\rMSA|AE|x\n\x1c")
    assert ack.count(b"\r") == 2
    assert b"MSA|AA|M0001|a\\F\\b\\S\\c MSA\\F\\AE\\F\\x  \r" in ack


def _answered(data: bytes) -> bytes:
    try:
        header = read(data).header
    except MessageRefused as refusal:
        return refuse(refusal, now="20260301101501", control_id="K1")
    return acknowledge(header, now="20260301101501", control_id="K1")


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(data: bytes) -> None:
    assert _answered(data).startswith(b"MSH|^~\\&|")
    assert _answered(b"MSH|^~\\&|" + data).count(b"\rMSA|") == 1


_PIECES = st.sampled_from(["|", "^", "~", "&", "\\", "\r", "\n", "MSH|^~\\&", "PID|||", "MRG|", AUTHORITY, "ISO", "ADT^A40", "ADT^A43", "2.5", "x", "é", "\x1c", "\x0b"])  # fmt: skip


@given(
    st.sampled_from(("ADT^A40^ADT_A39", "ADT^A43^ADT_A43")),
    *(st.lists(_PIECES, max_size=most) for most in (40, 10, 10)),
)
def test_any_mutation_is_answered_with_one_acknowledgement(
    kind: str, pid: list[str], mrg: list[str], control: list[str]
) -> None:
    data = message(kind, pid="".join(pid), mrg="".join(mrg), control="".join(control))
    answer = _answered(data)
    assert len([segment for segment in answer.split(b"\r") if segment.startswith(b"MSA|")]) == 1
    assert b"\x0b" not in answer
    assert b"\x1c" not in answer


@pytest.mark.parametrize(
    ("field", "unit"),
    [
        ("4B^12^3^ALPHA", "4B"), ("MED-A&x^1", "MED-A"), ("", ""), ("内科", "内科"), ("A\\E\\B^1", ""), ("x" * 81, ""),
        ("A^1~B^2", "A"), (" 4B ", "4B"),
    ],
)  # fmt: skip
def test_the_unit_of_a_patient(field: str, unit: str) -> None:
    data = message(charset="UNICODE UTF-8").replace(b"PV1||O", f"PV1||I|{field}".encode())
    assert read(data).unit == unit


def test_a_unit_in_a_guessed_character_set_is_not_said() -> None:
    assert read(message().replace(b"PV1||O", b"PV1||I|\xe4rzte")).unit == ""
    assert read(message()).unit == ""
