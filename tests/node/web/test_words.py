"""Every text of the pages is in every catalogue: none missing, none left over, none unsure, placeholders the same."""

import ast
import re
from importlib import resources
from io import BytesIO
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import node.web
from node.administration import state
from node.auditing import telling
from node.doctor.steps import TITLES
from node.outcome_words import TEXTS
from node.web.drawing import wording
from node.web.language import CHINESE, translations
from trust.consent.words import PURPOSES
from trust.findings.finding import EVIDENCE, RULES, SENTENCES
from trust.ledger import hdn_verify

FOLDER = Path(node.web.__file__).parent
# What the auditor's pages say of findings, and what comparing two logs says of an exchange.
FINDINGS = {
    *telling.TITLES.values(), *telling.STATES.values(), *telling.SEVERITIES.values(), *SENTENCES.values(),
    *EVIDENCE.values(), *(threshold for _, threshold in RULES.values()), *PURPOSES,
    *(text.format("{one}", "{two}") for _, _, text in hdn_verify._MEANINGS),
}  # fmt: skip
PLACEHOLDERS = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def catalogue():
    """Every message of every catalogue of the language."""
    found = []
    for path in sorted((FOLDER / "words").glob("zh_Hans*.po")):
        if path.name == "zh_Hans.phrases.po":
            continue  # what the node says, not the pages: test_node_sentences
        found += list(read_po(BytesIO(path.read_bytes()), locale="zh_Hans", abort_invalid=True))
    return found


def texts() -> dict[str, str]:
    """Every text of templates and code with the place where it stands."""
    found = {}
    methods = [("templates/**.html", "jinja2"), ("**.py", "python")]
    options = {"templates/**.html": {"newstyle_gettext": "true", "trim_blocks": "true"}}
    words = {"_": None, "gettext": None, "ngettext": (1, 2), "words": None}
    for path, line, message, _, _ in extract_from_dir(FOLDER, methods, options, words):
        for text in [message] if isinstance(message, str) else [one for one in message if one][:1]:
            found[text] = f"{path}:{line}"
    return found


def later() -> set[str]:
    """Texts that reach gettext as values: outcomes, codes, what the drawing of documents says."""
    found = {*TEXTS.values(), *TITLES.values(), *FINDINGS, "not stated"}
    for path in (*FOLDER.rglob("*.py"), Path(state.__file__)):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                found.add(one.value)
    for path in (FOLDER / "templates").rglob("*.html"):
        found.update(re.findall(r"'([^']+)'", path.read_text(encoding="utf-8")))
    sets = resources.files("node").joinpath("value_sets.toml").read_text(encoding="utf-8")
    return found | set(re.findall(r'"([^"]+)"\]', sets))


def test_every_text_is_translated():
    known = {message.id if isinstance(message.id, str) else message.id[0]: message for message in catalogue()}
    said = {**texts(), **dict.fromkeys((*TEXTS.values(), *wording.TEXTS), "")}
    missing = {text: place for text, place in said.items() if text not in known}
    assert not missing


def test_nothing_is_empty_unsure_or_left_over():
    used = set(texts()) | later()
    for message in catalogue():
        if not message.id:
            continue
        key = message.id if isinstance(message.id, str) else message.id[0]
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(strings), key
        assert not message.fuzzy, key
        assert key in used, f"no page says this: {key}"
        for one in strings:
            wanted = PLACEHOLDERS.findall(message.id if isinstance(message.id, str) else message.id[-1])
            assert sorted(PLACEHOLDERS.findall(one)) == sorted(wanted), key


def test_plurals_of_every_catalogue_follow_the_rule_of_the_language():
    words = translations()[CHINESE]
    for message in catalogue():
        if isinstance(message.id, tuple):
            for number in (0, 1, 2, 729):
                assert words.ngettext(*message.id, number) == message.string[0]
