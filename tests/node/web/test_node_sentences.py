"""Every sentence that the node says about itself and its peers is translated: the doctor's causes, what `check` finds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import node
from node.doctor.table import CAUSES
from node.web.language import CHINESE, pairs, translations
from node.web.phrases import Phrases

FOLDER = Path(node.__file__).parent
CHINESE_SENTENCES = Phrases.of(pairs(translations()[CHINESE]))
VALUE = "2026-11-30"


def filled(template: str) -> str:
    """A template with a value at each of its places."""
    pieces = template.replace("}", "{").split("{")
    return "".join(VALUE if odd % 2 else piece for odd, piece in enumerate(pieces))


def texts(found: ast.expr, names: dict[str, list[ast.expr]]) -> Iterator[str]:
    """What an argument of a finding can say, each value in it as `VALUE`."""
    match found:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else VALUE for one in found.values)
        case ast.IfExp():
            yield from texts(found.body, names)
            yield from texts(found.orelse, names)
        case ast.BinOp():
            yield from (a + b for a in texts(found.left, names) for b in texts(found.right, names))
        case ast.Name():
            for one in names.get(found.id, ()):
                yield from texts(one, {})


def assigned(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """What each name of a module is set to, anywhere in it."""
    names: dict[str, list[ast.expr]] = {}
    for one in ast.walk(tree):
        match one:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                names.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=left)], value=ast.Tuple(elts=right)):
                for name, value in zip(left, right, strict=False):
                    if isinstance(name, ast.Name):
                        names.setdefault(name.id, []).append(value)
    return names


def found_sentences() -> Iterator[tuple[str, str]]:
    for path in sorted([*FOLDER.rglob("*findings.py"), FOLDER / "health.py"]):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = assigned(tree)
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding":
                for argument in call.args[1:]:
                    yield from ((path.name, text) for text in texts(argument, names))


@pytest.mark.parametrize("code", sorted(CAUSES))
def test_every_cause_of_the_doctor(code: str) -> None:
    cause = CAUSES[code]
    for sentence in (cause.sentence, cause.next_step):
        said = CHINESE_SENTENCES.find(filled(sentence))
        assert said is not None, sentence
        assert said.count(VALUE) == sentence.count("{"), sentence


def test_everything_that_check_finds() -> None:
    sentences = {text: place for place, text in found_sentences() if text.replace(VALUE, "").strip(":;, ")}
    assert len(sentences) > 90  # the reading of the code works
    assert {text: place for text, place in sentences.items() if CHINESE_SENTENCES.find(text) is None} == {}
