"""Keys of the audit ledger: the seed that signs checkpoints and the master of the patients' tags (audit-ledger 2.5).

Each is a file of mode 0400 with 32 bytes as hexadecimal text. Losing the first ends the log, losing the second ends the
search for a patient's entries.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from trust.errors import LedgerBroken
from trust.ledger.checkpoint import Checkpoint, NoteSigner, VerificationKey
from trust.pki.keyfiles import write_private

KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class LedgerKeys:
    """Both keys of a node's ledger."""

    seed: bytes = field(repr=False)
    subject_master: bytes = field(repr=False)


def create_key(path: Path) -> None:
    """Make a key file; an existing one is never overwritten.

    Raises:
        FileExistsError: there is a key already.
    """
    write_private(path, os.urandom(KEY_BYTES).hex().encode() + b"\n")


def read_key(path: Path) -> bytes:
    """The 32 bytes of a key file.

    Raises:
        LedgerBroken: missing, readable for others, or not a key.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
        key = bytes.fromhex(text)
    except OSError as missing:
        raise LedgerBroken(
            f"{path} cannot be read ({missing.strerror}); put the key back from where you keep it"
        ) from missing
    except ValueError as wrong:
        raise LedgerBroken(f"{path} does not hold a key of 64 hexadecimal digits") from wrong
    if stat.S_IMODE(mode) & 0o077:
        raise LedgerBroken(f"{path} is readable for others; chmod 0400 it and consider whether it was read")
    if len(key) != KEY_BYTES:
        raise LedgerBroken(f"{path} does not hold a key of 64 hexadecimal digits")
    return key


def load_keys(seed: Path, subject_master: Path) -> LedgerKeys:
    """Read both keys of a node.

    Raises:
        LedgerBroken: see `read_key`.
    """
    return LedgerKeys(read_key(seed), read_key(subject_master))


class CheckpointSigner:
    """Signs the checkpoints of one log, never a smaller size than before nor another root of the same size.

    That makes an accidental fork impossible even when the caller is wrong.
    """

    __slots__ = ("_last", "_signer")

    def __init__(self, origin: str, seed: bytes) -> None:
        self._signer = NoteSigner(origin, seed)
        self._last: Checkpoint | None = None

    @property
    def key(self) -> VerificationKey:
        """What verifies these checkpoints."""
        return self._signer.key

    def sign(self, size: int, root: bytes) -> bytes:
        """The signed checkpoint of this size and root.

        Raises:
            LedgerBroken: it would take back or contradict what was signed before.
        """
        new = Checkpoint(self._signer.key.name, size, root)
        last = self._last
        if last is not None and (size < last.size or (size == last.size and root != last.root)):
            raise LedgerBroken(
                f"asked to sign size {size} after size {last.size} of {new.origin}: this would be a fork"
            )
        note = self._signer.sign(new.text())
        self._last = new
        return note
