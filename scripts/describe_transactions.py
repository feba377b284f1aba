"""The transactions and plain resources of this node, as tables of README.md; read from the code, never by hand.

`python scripts/describe_transactions.py` prints them, `--write` puts them between the markers of README.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from node.bindings import Transaction  # noqa: E402
from node.http.resources import Resource  # noqa: E402
from node.resources import RESOURCES  # noqa: E402
from node.transactions import TRANSACTIONS  # noqa: E402

BEGIN = "<!-- transactions: written by scripts/describe_transactions.py -->"
END = "<!-- /transactions -->"
RESOURCES_BEGIN = "<!-- resources: written by scripts/describe_transactions.py -->"
RESOURCES_END = "<!-- /resources -->"
_PACKAGING = {"soap": "SOAP 1.2", "mtom": "SOAP 1.2 with MTOM/XOP"}
_CALLERS = {
    "application": "applications",
    "operator": "operators",
    "peer": "peers",
    "auditor": "auditors",
    "invited": "whoever was invited",
}


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


def resources() -> str:
    """The table of plain resources in Markdown, in the order of the code."""
    return "\n".join(["| request | what | who may call | on record |", "|---|---|---|---|", *map(_resource, RESOURCES)])


def _resource(row: Resource) -> str:
    callers = ", ".join(sorted(_CALLERS[role.value] for role in row.roles))
    return f"| `{row.method} {row.template}` | {row.purpose} | {callers} | {row.audits or 'refusals only'} |"


def refreshed(text: str) -> str:
    """`text` with the tables between their markers replaced by those of today.

    Raises:
        ValueError: the markers are not there.
    """
    return _between(_between(text, BEGIN, table(), END), RESOURCES_BEGIN, resources(), RESOURCES_END)


def _between(text: str, first: str, content: str, last: str) -> str:
    before, begin, rest = text.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"README.md needs the lines {first} and {last}")
    return f"{before}{first}\n{content}\n{last}{after}"


def main(words: list[str]) -> int:
    """Print the tables, or write them."""
    if words == ["--write"]:
        readme = ROOT / "README.md"
        readme.write_text(refreshed(readme.read_text(encoding="utf-8")), encoding="utf-8")
    elif words:
        print("usage: python scripts/describe_transactions.py [--write]", file=sys.stderr)
        return 2
    else:
        print(table(), resources(), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
