"""Asks for the passphrase of wrapped keys: on the terminal, or from a file."""

from __future__ import annotations

from pathlib import Path

from node.backup.key_wrap import LEAST_CHARACTERS
from node.commands import asking
from node.faults import misused


def read(file: Path | None, *, new: bool) -> str:
    """The passphrase; a new one is asked for twice and must have a length.

    Raises:
        Faults: there is no terminal and no file, or it is too short.
    """
    found = asking.secret("passphrase", file, prompt="passphrase of the keys: ", twice=new)
    if new and len(found) < LEAST_CHARACTERS:
        step = f"take {LEAST_CHARACTERS} characters or more, e.g. five random words"
        raise misused("passphrase.short", "passphrase", f"it has {len(found)} characters", step)
    return found
