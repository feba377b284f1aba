"""Asks for what nobody else may see: on the terminal, or from a file."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from node.faults import misused


def secret(name: str, file: Path | None, *, prompt: str, twice: bool) -> str:
    """The `name` (password, passphrase), as it stands in `file` or is typed after `prompt`; a new one is typed twice.

    Raises:
        Faults: there is no terminal and no file, the file cannot be read, or the two are not the same.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise misused(f"{name}.unreadable", str(file), str(problem), "name a readable file") from None
    if not sys.stdin.isatty():
        step = f"add --{name}-file FILE, or run it in a terminal"
        raise misused(f"{name}.missing", "terminal", f"there is nobody to ask for the {name}", step)
    found = getpass.getpass(prompt)
    if twice and getpass.getpass("the same again: ") != found:
        raise misused(f"{name}.differs", "terminal", "the two are not the same", "try again")
    return found
