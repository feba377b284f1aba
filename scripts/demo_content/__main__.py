"""`python -m scripts.demo_content FOLDER` writes the demonstration's documents, a folder for each institution."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.demo_content.story import INSTITUTIONS, write


def main(words: list[str]) -> int:
    """Write everything below the folder named on the command line."""
    if len(words) != 1:
        print("usage: python -m scripts.demo_content FOLDER", file=sys.stderr)
        return 2
    for number, institution in enumerate(INSTITUTIONS, start=1):
        for path in write(institution, Path(words[0]) / f"node{number}"):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
