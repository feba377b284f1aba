"""The project's own modules, read once: what the tests of this folder look at."""

from __future__ import annotations

import ast
import gc
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("node", "registry", "repository", "trust")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def modules(*tops: str) -> list[Path]:
    """Every Python module below the named top folders."""
    return sorted(path for top in tops or PACKAGES for path in (ROOT / top).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of one module. It stays to the end: no collection of garbage has to look at it again."""
    found = ast.parse(path.read_text(encoding="utf-8"), str(path))
    gc.freeze()
    return found


def name_of(path: Path) -> str:
    """`registry/errors.py` for a path: how tests call a module."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Qualified name, length in lines and whether it is asynchronous, of every function of a module."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, int, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FUNCTIONS):
                name = prefix + child.name
                assert child.end_lineno is not None
                yield name, child.end_lineno - child.lineno + 1, isinstance(child, ast.AsyncFunctionDef)
                yield from walk(child, name + ".")
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, prefix + child.name + ".")
            else:
                yield from walk(child, prefix)

    yield from walk(tree(path), "")


def pure_modules() -> list[Path]:
    """The modules without IO, as the import contract `sans-io` in pyproject.toml lists them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    found: list[Path] = []
    for name in next(one for one in contracts if one["id"] == "sans-io")["source_modules"]:
        place = ROOT / name.replace(".", "/")
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    return found


def kept_files() -> list[Path]:
    """Every text file that belongs to the project: what git tracks, or everything where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    return (
        [ROOT / name for name in names if (ROOT / name).is_file()] if names else modules(*PACKAGES, "tests", "scripts")
    )
