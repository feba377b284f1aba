"""What holders tell locators: read as it was written, and no more taken than a locator's own share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.discovery.duty import Duty
from node.discovery.told import Told, read, refusal
from trust.directory.signing import Malformed

TELLING = Told(root="2.25.1", add=((b"\x01" * 16, "urn:oid:2.999.1"),), remove=(b"\x02" * 16,), complete=True, kept=3)


def test_what_is_told_is_read_as_it_was_written() -> None:
    assert read(TELLING.write()) == TELLING


def test_an_older_node_does_not_say_how_much_it_believes_to_be_kept() -> None:
    assert read(TELLING.write().replace(b',"kept":3', b"")) == replace(TELLING, kept=None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"root": "2.25.1", "add": [], "remove": []}',
        TELLING.write().replace(b"true", b'"yes"'),
        TELLING.write().replace(b"01" * 16, b"01" * 15),
        TELLING.write().replace(b"02" * 16, b"zz" * 16),
        TELLING.write().replace(b'"urn:oid:2.999.1"', b"7"),
        TELLING.write().replace(b'"2.25.1"', b'""'),
        TELLING.write().replace(b'"kept":3', b'"kept":true'),
    ],
)
def test_what_no_holder_writes_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


def test_a_locator_takes_its_own_share_alone() -> None:
    homes = tuple(f"urn:oid:2.999.{k}" for k in range(4))
    duty = Duty("f", homes)
    tokens = [duty.token(f"word {k}") for k in range(40)]
    ours = tuple((token, "") for token in tokens if duty.locator(token) == homes[0])
    assert not refusal(Told(root=duty.root, add=ours), duty, homes[0])
    everything = tuple((token, "") for token in tokens)
    assert f"{40 - len(ours)} of 40 tokens are another" in refusal(Told(root=duty.root, add=everything), duty, homes[0])
    assert "directories differ" in refusal(Told(root="2.25.1", add=ours), duty, homes[0])
    assert "no locator" in refusal(Told(root=duty.root, add=ours), duty, "urn:oid:2.999.77")
    assert "no locator" in refusal(Told(root=duty.root), Duty("f", homes[:2]), homes[0])


def test_no_message_is_longer_than_any_holder_writes() -> None:
    add = tuple((number.to_bytes(16), "") for number in range(10_001))
    with pytest.raises(Malformed):
        read(Told(root="2.25.1", add=add).write())
    assert len(read(Told(root="2.25.1", add=add[1:]).write()).add) == 10_000
