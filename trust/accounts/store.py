"""Local accounts in the database. Methods that change something run in the sequencer's transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_COLUMNS: Final = "name, full_name, role, profession, password, code_secret, code_step, certificate, changed, closed"


class Duty(StrEnum):
    """What an account is for; each has exactly one, so that nobody audits what they did themselves."""

    CLINICIAN = "clinician"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    REPRESENTATIVE = "patient-representative"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account; `code_secret` is sealed, b"" where no one-time code is asked for. `closed`: "" while in force.

    `certificate` is the SHA-256 (hex) of one that signs in without a password, "" for none.
    `profession` is the functional role that assertions name, `CODE^OID`; "" names none.
    """

    name: str
    full_name: str
    role: Duty
    profession: str = ""
    password: str
    code_secret: bytes
    code_step: int = 0
    certificate: str = ""
    changed: str
    closed: str = ""


def find(connection: sqlite3.Connection, name: str) -> Account | None:
    """The account with this name; names are compared without case."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM account WHERE name = ?", (name.lower(),)).fetchone()  # noqa: S608
    return _account(row) if row else None


def holder(connection: sqlite3.Connection, certificate: str) -> Account | None:
    """The account in force to which a certificate (SHA-256, hex) is bound."""
    query = f"SELECT {_COLUMNS} FROM account WHERE certificate = ? AND closed = ''"  # noqa: S608
    row = connection.execute(query, (certificate,)).fetchone() if certificate else None
    return _account(row) if row else None


def every(connection: sqlite3.Connection) -> list[Account]:
    """Every account, closed ones too, by name."""
    return [_account(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM account ORDER BY name")]  # noqa: S608


def put(connection: sqlite3.Connection, account: Account) -> None:
    """Add an account, or replace what is known of it."""
    connection.execute(
        f"INSERT OR REPLACE INTO account ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            account.name.lower(),
            account.full_name,
            str(account.role),
            account.profession,
            account.password,
            account.code_secret,
            account.code_step,
            account.certificate,
            account.changed,
            account.closed,
        ),
    )


def use_code(connection: sqlite3.Connection, name: str, step: int) -> bool:
    """Use up the code of a step and those before it; False when that happened already."""
    done = connection.execute(
        "UPDATE account SET code_step = ? WHERE name = ? AND code_step < ?", (step, name.lower(), step)
    )
    return done.rowcount == 1


def _account(row: tuple[str, str, str, str, str, bytes, int, str, str, str]) -> Account:
    name, full_name, role, profession, password, code_secret, code_step, certificate, changed, closed = row
    return Account(
        name=name,
        full_name=full_name,
        role=Duty(role),
        profession=profession,
        password=password,
        code_secret=code_secret,
        code_step=code_step,
        certificate=certificate,
        changed=changed,
        closed=closed,
    )
