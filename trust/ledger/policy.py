"""Which witnesses a log has, and how many must have signed (C2SP tlog-policy; audit-ledger 2.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trust.ledger.checkpoint import VerificationKey, parse_note, verified_by


@dataclass(frozen=True, slots=True)
class Policy:
    """The witnesses of a log and the quorum among them.

    `needed` of `witnesses` must have signed. Two quorums share an honest witness as long as at most `tolerated` lie:
    2k - n > f. Below four witnesses none is tolerated.
    """

    witnesses: tuple[VerificationKey, ...]
    needed: int

    @property
    def tolerated(self) -> int:
        """f: how many witnesses may be dishonest before a forked view can find a quorum too."""
        count = len(self.witnesses)
        return 2 * self.needed - count - 1 if count >= 4 else 0

    def signers(self, note: bytes) -> list[str]:
        """The witnesses whose cosignatures a note carries.

        Raises:
            BadSignature: not a note, or a line names a witness and does not verify.
        """
        parsed = parse_note(note)
        return [key.name for key in self.witnesses if verified_by(parsed, key)]

    def met(self, note: bytes) -> bool:
        """Whether a note carries a quorum; never without any witness. Raises as `signers`."""
        return bool(self.witnesses) and len(self.signers(note)) >= self.needed

    def render(self, logs: Sequence[VerificationKey]) -> str:
        """The policy file for these log keys."""
        lines = [f"log {log.render()}" for log in logs]
        lines += [f"witness W{number} {key.render()}" for number, key in enumerate(self.witnesses, 1)]
        names = " ".join(f"W{number}" for number in range(1, len(self.witnesses) + 1))
        lines += [f"group witnesses {self.needed} {names}", "quorum witnesses"] if names else ["quorum none"]
        return "\n".join(lines) + "\n"


def policy_of(witnesses: Sequence[VerificationKey], wanted: int = 0) -> Policy:
    """The policy over these witnesses; without a wanted number more than half of them.

    A wanted number above that of the witnesses is kept: then the quorum is missing, and that is said.
    """
    return Policy(tuple(witnesses), wanted or len(witnesses) // 2 + 1)
