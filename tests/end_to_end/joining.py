"""Nodes made without --dev, and two administrators who telephone."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.commands import XDSNODE
from tests.end_to_end.nodes import AUTHORITY, Node


@dataclass
class Conversation:
    """A command that prints a number and asks for another one; what it says goes to `heard`."""

    words: Sequence[str]
    folder: Path
    heard: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [XDSNODE, *self.words], stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=self.folder
        )

    def first_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def number(self) -> str:
        assert self.process.stderr
        for line in self.process.stderr:
            self.heard.append(line)
            if line.startswith("Read out: "):
                return line.removeprefix("Read out: ").strip()
        raise AssertionError(f"{self.words} showed no number:\n{''.join(self.heard)}")

    def end(self, typed: str) -> int:
        """Type a number; the exit status."""
        out, heard = self.process.communicate(typed + "\n", timeout=60)
        self.heard += [out, heard]
        return self.process.returncode

    @property
    def text(self) -> str:
        return "".join(self.heard)


def stranger(folder: Path, base: int, name: str, host: str, *, seconds: float = 0.5) -> Node:
    """A node of its own address that asks for a newer directory every `seconds`; it has no certificate yet."""
    node = Node(folder, base, name)
    identity = ("--name", name, "--host", host, "--port-base", str(base), "--authority", AUTHORITY)
    node.run("init", *identity, "--permit", "127.0.0.0/8")
    config = folder / "node.toml"
    text = config.read_text()
    line = next(one for one in text.splitlines() if one.startswith("# directory_seconds"))
    config.write_text(text.replace(line, f"directory_seconds = {seconds}"))
    node.described = json.loads(node.run("endpoints", "--json").stdout)
    return node


def join(inviting: Node, joining: Node, *options: str) -> tuple[Conversation, Conversation]:
    """Invite and join; each types what the other reads."""
    there = Conversation(("federation", "invite", "--dir", str(inviting.folder)), inviting.folder)
    words = ("federation", "join", there.first_line(), *options, "--dir", str(joining.folder))
    here = Conversation(words, joining.folder)
    read_here, read_there = here.number(), there.number()
    assert there.end(read_here) == 0, there.text
    assert here.end(read_there) == 0, here.text
    return there, here


def members(node: Node) -> dict[str, str]:
    """State of each member, by name, as this node sees it."""
    found = json.loads(node.run("federation", "list", "--json").stdout)
    return {one["name"]: one["state"] for one in found["members"]}
