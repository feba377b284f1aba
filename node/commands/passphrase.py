"""Asks for the passphrase of wrapped keys: on the terminal, or from a file."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from node.backup.key_wrap import LEAST_CHARACTERS
from node.faults import misused


def read(file: Path | None, *, new: bool) -> str:
    """The passphrase; a new one is asked for twice and must have a length.

    Raises:
        Faults: there is no terminal and no file, or it is too short.
    """
    if file is not None:
        try:
            found = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise misused("passphrase.unreadable", str(file), str(problem), "name a readable file") from None
    elif sys.stdin.isatty():
        found = getpass.getpass("passphrase of the keys: ")
        if new and getpass.getpass("the same again: ") != found:
            raise misused("passphrase.differs", "terminal", "the two are not the same", "try again")
    else:
        step = "add --passphrase-file FILE, or run it in a terminal"
        raise misused("passphrase.missing", "terminal", "there is nobody to ask for the passphrase", step)
    if new and len(found) < LEAST_CHARACTERS:
        step = f"take {LEAST_CHARACTERS} characters or more, e.g. five random words"
        raise misused("passphrase.short", "passphrase", f"it has {len(found)} characters", step)
    return found
