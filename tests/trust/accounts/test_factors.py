"""Passwords and one-time codes."""

from datetime import UTC, datetime

import pyotp
import pytest

from trust.accounts import factors
from trust.errors import BadRecord

# RFC 6238, appendix B (SHA-1): the secret in base32, seconds, the last six digits of the code.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
]


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_codes_of_the_standard(seconds, code):
    moment = datetime.fromtimestamp(seconds, UTC)
    assert factors.step_of(SECRET, code, moment, -1) == seconds // 30
    assert factors.step_of(SECRET, code, moment, seconds // 30) is None  # used already
    assert factors.step_of(SECRET, "", moment, -1) is None


def test_a_code_of_two_minutes_ago_does_not_count():
    old = pyotp.TOTP(SECRET).at(1_000_000_000)
    assert factors.step_of(SECRET, old, datetime.fromtimestamp(1_000_000_120, UTC), -1) is None


def test_passwords():
    kept = factors.hashed("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert factors.is_password(kept, "correct horse battery")
    assert not factors.is_password(kept, "Correct horse battery")
    assert not factors.is_password(factors.NOBODY, "")


def test_a_secret_is_sealed_for_one_account(tmp_path):
    sealing = factors.Sealing(tmp_path / "accounts.key")
    sealed = sealing.seal("a", SECRET)
    assert SECRET.encode() not in sealed
    assert factors.Sealing(tmp_path / "accounts.key").open("a", sealed) == SECRET
    with pytest.raises(BadRecord):
        sealing.open("b", sealed)
