"""Two more clients under faults: the hospital's patient administration, and an administrator at the command line."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from node import control_call
from node.faults import Exit, Faults
from tests.end_to_end.nodes import AUTHORITY, Node
from tests.end_to_end.wire import oid
from tests.faults.history import Fate, History, Person

START, END = b"\x0b", b"\x1c\r"


class GoneError(Exception):
    """The node does not answer any more."""


class RefusedError(Exception):
    """The node refused what it should take."""


@dataclass(eq=False)
class Busy(threading.Thread):
    """Does one thing after the other until it is told to stop or the node is gone."""

    node: Node
    history: History
    chance: random.Random
    stopped: threading.Event = field(default_factory=threading.Event)
    wrong: list[str] = field(default_factory=list)
    tolerant: bool = False  # the disk may be full: a refusal is no mistake

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                self._once()
        except (GoneError, OSError):
            pass  # killed: what was sent stays uncertain
        except Exception as problem:
            self.wrong.append(f"{type(problem).__name__}: {problem}")
        finally:
            self.leave()

    def _once(self) -> None:
        try:
            self.step()
        except (RefusedError, Faults):
            if not self.tolerant:
                raise

    def step(self) -> None:
        raise NotImplementedError

    def leave(self) -> None:
        """Close what is open."""

    def some(self, possible: Callable[[Person], bool]) -> Person | None:
        """One of those whom the same client made known."""
        found = [one for one in self.history.people if one.by is type(self) and possible(one)]
        return self.chance.choice(found) if found else None


def alone(one: Person) -> bool:
    return one.known is Fate.DONE and one.merged is None and not one.survives


@dataclass(eq=False)
class Feed(Busy):
    """ADT over MLLP: A04 makes patients known, A40 merges two of them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.connection: socket.socket | None = None

    def leave(self) -> None:
        if self.connection is not None:
            self.connection.close()

    def step(self) -> None:
        subsumed = self.some(alone) if self.chance.random() < 0.3 else None
        survivor = self.some(lambda one: alone(one) and one is not subsumed) if subsumed else None
        if subsumed and survivor:
            survivor.survives = True
            subsumed.merged, subsumed.into = Fate.SENT, survivor.cx
            self.send("A40", survivor.cx, subsumed.cx)
            subsumed.merged = Fate.DONE
        else:
            person = self.history.met(Person(f"{oid()}^^^&{AUTHORITY}&ISO", Feed))
            self.send("A04", person.cx)
            person.known = Fate.DONE

    def send(self, event: str, pid: str, mrg: str = "") -> None:
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.node.base + 2), timeout=20)
        lines = [f"MSH|^~\\&|ADT|ALPHA|XDS|BETA|20260301101500||ADT^{event}|{oid()[-18:]}|P|2.3.1", f"PID|||{pid}||A^B"]
        message = "\r".join([*lines, *([f"MRG|{mrg}"] if mrg else [])]) + "\r"
        self.connection.sendall(START + message.encode() + END)
        answer = b""
        while not answer.endswith(END):
            piece = self.connection.recv(65536)
            if not piece:
                raise GoneError
            answer += piece
        if b"\rMSA|AA|" not in answer:
            raise RefusedError(answer)


@dataclass(eq=False)
class Clerk(Busy):
    """Commands, sent as the command line sends them: patients, documents that are deprecated or quarantined."""

    def step(self) -> None:
        done = [one for one in self.history.done() if one.left and not one.command]
        if done and self.chance.random() < 0.6:
            one = self.chance.choice(done)
            one.command = self.chance.choice(["deprecate", "quarantine"])
            one.commanded = Fate.SENT
            self.carry_out(f"document {one.command}", unique_id=one.documents[0].unique_id)
            one.commanded = Fate.DONE
        else:
            person = self.history.met(Person(f"{oid()}^^^&{AUTHORITY}&ISO", Clerk))
            self.carry_out("patient add", patient=person.cx)
            person.known = Fate.DONE

    def carry_out(self, command: str, **arguments: str) -> None:
        try:
            control_call.call(self.node.folder / "run" / "control.sock", command, arguments, seconds=20)
        except (ConnectionError, FileNotFoundError, json.JSONDecodeError) as problem:
            raise GoneError from problem
        except Faults as refusal:
            if refusal.status is Exit.UNREACHABLE:
                raise GoneError from refusal
            raise
