"""Messages have code, place, cause and next step; exit statuses are those of the interface; help teaches."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from node import cli
from node.cli import COMMANDS
from node.commands import console
from node.faults import Exit, Fault, Faults


@pytest.fixture(autouse=True)
def _keep_umask():
    import os

    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


NODE = '[node]\nname = "K"\nhome_community_id = "urn:oid:2.999.1"\nrepository_unique_id = "2.999.2"\nassigning_authority = "2.999.3"\n'


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        pytest.param(["check"], 2, "config.no-node", id="no node"),
        pytest.param(["init"], 2, "usage", id="init without a name"),
        pytest.param(["init", "--name", "x", "--ca", "ca"], 2, "usage", id="a CA without --dev"),
        pytest.param(["init", "--name", "x" * 101], 2, "config.value", id="name too long"),
        pytest.param(["init", "--name", "x", "--authority", "abc"], 2, "config.value", id="authority that is no OID"),
        pytest.param(["init", "--name", "x", "--port-base", "70000"], 2, "config.value", id="ports"),
        pytest.param(["restore", "nothing.tar"], 2, "restore.no-file", id="no backup"),
    ],
)
def test_refusals_without_a_node(
    words: list[str], status: int, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*words, "--dir", str(tmp_path)]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(rf"^error {re.escape(code)}\n  where: .+\n  cause: .+\n  next:  .+", captured.err, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        pytest.param(["fetch", "--output", "x"], 2, "usage", id="fetch of nothing"),
        pytest.param(["fetch", "--patient", "1", "--home", "urn:oid:1.2", "--output", "x"], 2, "usage", id="fetch of both"),
        pytest.param(["fetch", "--home", "urn:oid:1.2", "--output", "x"], 2, "usage", id="fetch with a part of the ids"),
        pytest.param(["submit", "--patient", "1", "--unique-id", "1.2", "a", "b"], 2, "usage", id="one id for two files"),
        pytest.param(["submit", "--patient", "1", "--replace", "1.2", "a", "b"], 2, "usage", id="two replacements of one"),
        pytest.param(["peer", "add", "nothing.json"], 2, "peer.file", id="no export"),
        pytest.param(["client", "add", "x", "--certificate", "nothing.pem"], 2, "client.certificate", id="no certificate"),
        pytest.param(["federation", "publish", "nothing.json"], 2, "federation.file", id="no directory"),
        pytest.param(["status"], 3, "node.not-running", id="no running node"),
        pytest.param(["backup", "b.tar", "--with-keys", "--passphrase-file", "nothing"], 2, "passphrase.unreadable", id="no passphrase"),
    ],
)  # fmt: skip
def test_refusals_of_a_node(
    words: list[str],
    status: int,
    code: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "node.toml").write_text(NODE)
    assert cli.main([*words, "--dir", str(tmp_path)]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"error {code}\n" in captured.err


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["patient", "list", "--dir", "{}"], id="after the verb"),
        pytest.param(["patient", "--dir", "{}", "list"], id="before the verb"),
        pytest.param(["audit", "--dir", "{}", "list"], id="audit before"),
        pytest.param(["audit", "list", "--dir", "{}", "--limit", "1"], id="audit after"),
        pytest.param(["check", "--dir", "{}"], id="without a verb"),
    ],
)
def test_the_folder_may_stand_before_or_after_the_verb(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "node.toml").write_text("[x]\n")
    assert cli.main([word.format(tmp_path) for word in words]) == 2
    assert f"{tmp_path}/node.toml, [x]" in capsys.readouterr().err


def test_all_faults_of_a_configuration_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "node.toml").write_text(NODE.replace("name =", "nome =") + "port_base = 1\n")
    assert cli.main(["check", "--dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("error config.") == 3


@pytest.mark.parametrize(
    "words", [[], ["nonsense"], ["patient"], ["find"], ["submit", "--patient", "1"], ["document", "x"]]
)
def test_wrong_usage_is_status_2(words: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main(words)
    assert raised.value.code == 2


def test_the_commands_of_the_interface_exist() -> None:
    wanted = (
        "init serve check status endpoints backup restore export import patient submit find fetch push inbox document"
    )
    wanted += " retention hold consent policy subscription client user peer federation doctor audit assertion"
    assert [command.name for command in COMMANDS] == wanted.split()


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_help_teaches_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        cli.main([command, "--help"])
    assert raised.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"xdsnode {command}" in text.partition("examples:")[2]
    assert "--dir DIR" in text or "{" in text or "add|list" in text or "|" in text


def test_an_unexpected_failure_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from node.commands import check

    def broken(_args: object) -> int:
        raise ZeroDivisionError("x")

    monkeypatch.setattr(check, "run", broken)
    assert cli.main(["check", "--dir", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error internal\n")
    assert "Traceback" not in error


def test_text_from_others_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.table([("a\x1b[2J\r\n\u202e", "b")], ("x", "y"))
    console.note("c\x9b31m")
    console.complain(Faults([Fault("c", "p\x07", "x", "y")], Exit.REFUSED))
    captured = capsys.readouterr()
    assert captured.out == "a\\x1b[2J\\x0d\\x0a\\u202e  b\n"
    assert "\x9b" not in captured.err
    assert "\x07" not in captured.err


def test_json_for_a_terminal_says_the_same_and_steers_nothing(capsys):
    """Names come from other institutions: control characters of both halves, directions, what has no width, tags."""
    hostile = "a\x1b[2Jb\x9b2Jc\x7f\u202etxt.exe\u2066\u200b\u2028\ufeff\U000e0041 \u0130\U0001f600 \u4e2d\t\n"
    console.emit({hostile: [hostile]})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {hostile: [hostile]}
    assert not console._STEERING.search(shown.replace("\n", ""))
    assert "\u4e2d" in shown  # letters of people stay legible
