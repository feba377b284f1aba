"""The transactions this node speaks, as the table of README.md; read from node.transactions, never written by hand.

`python scripts/describe_transactions.py` prints it, `--write` puts it between the markers of README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from node.bindings import Transaction  # noqa: E402
from node.transactions import TRANSACTIONS  # noqa: E402

BEGIN = "<!-- transactions: written by scripts/describe_transactions.py -->"
END = "<!-- /transactions -->"
_PACKAGING = {"soap": "SOAP 1.2", "mtom": "SOAP 1.2 with MTOM/XOP"}
_CALLERS = {"application": "applications", "operator": "operators", "peer": "peers"}


def table() -> str:
    """The table in Markdown: a line for each transaction, in the order of their numbers."""
    lines = [
        "| transaction | name | section | path | packaging | who may call |",
        "|---|---|---|---|---|---|",
        *(_line(row) for row in sorted(TRANSACTIONS, key=lambda row: int(row.id.removeprefix("ITI-")))),
    ]
    return "\n".join(lines)


def _line(row: Transaction[Any, Any, Any]) -> str:
    callers = ", ".join(sorted(_CALLERS[role.value] for role in row.roles))
    packaging = _PACKAGING[row.binding.packaging.value]
    return f"| {row.id} | {row.name} | {row.spec} | `{row.binding.path}` | {packaging} | {callers} |"


def refreshed(text: str) -> str:
    """`text` with the table between its markers replaced by the one of today.

    Raises:
        ValueError: the markers are not there.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main(words: list[str]) -> int:
    """Print the table, or write it."""
    if words == ["--write"]:
        readme = ROOT / "README.md"
        readme.write_text(refreshed(readme.read_text(encoding="utf-8")), encoding="utf-8")
    elif words:
        print("usage: python scripts/describe_transactions.py [--write]", file=sys.stderr)
        return 2
    else:
        print(table())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
