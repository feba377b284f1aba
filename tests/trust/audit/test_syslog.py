"""Syslog messages and frames, byte for byte (RFC 5424, RFC 5425; ITI TF-2: 3.20)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.node.atna.receiver import Message, frames
from trust.audit import syslog

TIME = "2026-03-01T10:15:00.125Z"


def test_a_message_is_these_bytes() -> None:
    text = '<?xml version="1.0" encoding="UTF-8"?><AuditMessage>ü</AuditMessage>'
    message = syslog.message(text, time=TIME, host="ehr-01.alpha.example")
    assert message == (
        b"<85>1 2026-03-01T10:15:00.125Z ehr-01.alpha.example xdsnode - IHE+RFC-3881 - "
        b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?><AuditMessage>\xc3\xbc</AuditMessage>'
    )
    assert syslog.frame(message) == b"149 " + message
    assert len(message) == 149


def test_structured_data_names_the_entry() -> None:
    entry = bytes(range(98))
    found = syslog.place(32473, 'a"b]c\\d/audit/2026', index=137, entry=entry)
    assert found == (
        f'[audit@32473 origin="a\\"b\\]c\\\\d/audit/2026" index="137" entry="{base64.b64encode(entry).decode()}"]'
    )
    assert syslog.place(0, "a", index=137, entry=entry) == "-"


@pytest.mark.parametrize("host", ["", "two words", "ünode", "a\nb", "a" * 256])
def test_a_host_that_would_break_the_header_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="HOSTNAME"):
        syslog.message("x", time=TIME, host=host)


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_frames_are_found_again_whatever_is_in_them(texts: list[str]) -> None:
    structured = syslog.place(1, "node/audit/2026", index=0, entry=bytes(98))
    sent = [syslog.message(text, time=TIME, host="node", structured=structured) for text in texts]
    found, rest = frames(b"".join(map(syslog.frame, sent)))
    assert found == sent
    assert rest == b""
    assert [Message.of(raw).text for raw in found] == texts
