"""Two strangers federate with what README says; a removed or withdrawn member gets nothing, on open connections too."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import sqlite3
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.commands import command
from tests.end_to_end.joining import Conversation, join, members, stranger
from tests.end_to_end.nodes import Node, free_base
from trust.directory.invitation import Invited
from trust.pki.authority import open_authority, requested_key
from trust.pki.certificates import fingerprint_of, from_pem, to_pem

README = Path(__file__).resolve().parents[2] / "README.md"
SETUP = ("init", "serve")

pytestmark = pytest.mark.long


def lines_of_readme() -> list[list[str]]:
    block = re.search(r"<!-- two strangers.*?```\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    return [shlex.split(line.partition("$ xdsnode ")[2]) for line in block.group(1).splitlines()]


def test_readme_needs_six_commands_besides_the_set_up() -> None:
    assert len([words for words in lines_of_readme() if words[0] not in SETUP]) == 6


def test_two_strangers_federate_with_the_lines_of_readme(tmp_path: Path) -> None:
    """Exactly README's lines; other ports, and INVITATION is what `invite` printed."""
    base = free_base(2)
    ports = {"18100": str(base), "18110": str(base + 10)}
    (tmp_path / "letter.txt").write_text("Dear colleague")
    running: list[Node] = []
    inviting: Conversation | None = None
    try:
        for line in lines_of_readme():
            words = [ports.get(word, word) for word in line]
            if words[0] == "serve":
                folder = tmp_path / words[-1]
                described = json.loads(command("endpoints", "--json", "--dir", str(folder)).stdout)
                running.append(Node(folder, int(described["management"].rpartition(":")[2]) - 9, words[-1]).start())
            elif words[:2] == ["federation", "invite"]:
                inviting = Conversation(words, tmp_path)
            elif words[:2] == ["federation", "join"]:
                assert inviting
                line_ = inviting.first_line()
                joining = Conversation([line_ if word == "INVITATION" else word for word in words], tmp_path)
                numbers = joining.number(), inviting.number()
                assert inviting.end(numbers[0]) == 0, inviting.text
                assert joining.end(numbers[1]) == 0, joining.text
            else:
                once = Conversation(words, tmp_path)
                assert once.end("") == 0, once.text
        assert [path.read_text() for path in (tmp_path / "documents").iterdir()] == ["Dear colleague"]
        for node in running:
            ended = node.run("check", check=False)
            assert ended.returncode == 0, ended.stdout
            assert "FAIL" not in ended.stdout
            assert re.search(r"OK +federation: Region North, version \d+, 2 members", ended.stdout)
    finally:
        for node in running:
            node.stop()


class Line:
    """One keep-alive connection of a node to another one, with its own certificate."""

    def __init__(self, node: Node, there: Node) -> None:
        context = ssl.create_default_context(cafile=str(there.folder / "keys" / "trust.pem"))
        context.load_cert_chain(node.folder / "keys" / "tls.pem", node.folder / "keys" / "tls.key")
        host = there.described["endpoints"]["iti-38"].split("/")[2]
        self.connection = http.client.HTTPSConnection(host, context=context, timeout=20)

    def status(self) -> int:
        """On the same connection, or 0 when the other side closed it."""
        try:
            self.connection.request("GET", "/federation/directory")
            answer = self.connection.getresponse()
            answer.read()
        except (http.client.HTTPException, OSError):
            return 0
        assert self.connection.sock or answer.status != 200
        return answer.status

    def bring(self, directory: bytes) -> tuple[int, bytes]:
        self.connection.request("POST", "/federation/directory", directory, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def take(self, etag: str = "") -> tuple[int, str, bytes]:
        self.connection.request("GET", "/federation/directory", headers={"If-None-Match": etag} if etag else {})
        answer = self.connection.getresponse()
        return answer.status, answer.getheader("ETag", ""), answer.read()

    def until_refused(self, seconds: float = 60.0) -> float:
        began = time.monotonic()
        while self.status() == 200:
            assert time.monotonic() - began < seconds
        return time.monotonic() - began


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """A federation of three, all running."""
    root = tmp_path_factory.mktemp("region")
    base = free_base(3)
    names = ("North", "South", "West")
    nodes = [stranger(root / name, base + 10 * k, name, f"127.0.0.{k + 2}") for k, name in enumerate(names)]
    nodes[0].run("federation", "create", "Region", "--name", "zh=北区")
    nodes[0].start()
    for node in nodes[1:]:
        join(nodes[0], node)
        node.start()
    yield nodes
    for node in nodes:
        node.stop()


def alarms(node: Node) -> str:
    connection = sqlite3.connect(f"file:{node.folder / 'data' / 'node.db'}?mode=ro", uri=True)
    rows = connection.execute("SELECT body FROM audit_record").fetchall()
    connection.close()
    return "\n".join(bytes(body).decode() for (body,) in rows)


def test_every_member_knows_every_other_and_nobody_added_a_peer(region: list[Node]) -> None:
    for node in region:
        until = time.monotonic() + 30
        while list(members(node).values()).count("connected") != 2:
            assert time.monotonic() < until, members(node)
        peers = json.loads(node.run("peer", "list", "--json").stdout)["peers"]
        assert {one["name"] for one in peers} == {other.name for other in region if other is not node}


def test_a_wrong_number_voids_the_invitation_on_both_sides_with_an_alarm(region: list[Node], tmp_path: Path) -> None:
    east = stranger(tmp_path / "East", free_base(), "East", "127.0.0.9")
    there = Conversation(("federation", "invite", "--dir", str(region[0].folder)), tmp_path)
    line = there.first_line()
    here = Conversation(("federation", "join", line, "--dir", str(east.folder)), tmp_path)
    here.number()
    there.number()
    assert here.end("000000") == 1
    assert "federation.numbers" in here.text
    assert there.end("000000") == 1
    again = Conversation(("federation", "join", line, "--dir", str(east.folder)), tmp_path)
    assert again.end("") in (1, 3), again.text
    assert "federation-invitation" in alarms(region[0])
    assert "federation-invitation" in alarms(east)
    assert "East" not in members(region[0])
    assert not (east.folder / "keys" / "tls.pem").exists()


def test_an_invitation_counts_once(region: list[Node], tmp_path: Path) -> None:
    line = region[0].run("federation", "invite", "--no-wait").stdout.strip()
    east = stranger(tmp_path / "East", free_base(), "East", "127.0.0.9")
    first = Conversation(("federation", "join", line, "--dir", str(east.folder)), tmp_path)
    first.number()
    second = Conversation(("federation", "join", line, "--dir", str(east.folder)), tmp_path)
    assert second.end("") == 1, second.text
    assert "federation.void" in second.text
    first.process.kill()
    first.process.communicate()


def test_whoever_holds_an_invitation_may_join_and_nothing_else(region: list[Node], tmp_path: Path) -> None:
    invited = Invited.read(region[0].run("federation", "invite", "--no-wait").stdout.strip())
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text(to_pem([invited.certificate()]))
    key.write_bytes(invited.key())
    context = ssl.create_default_context(cafile=str(region[0].folder / "keys" / "trust.pem"))
    context.load_cert_chain(chain, key)
    host = invited.url.removeprefix("https://")
    for method, path in (
        ("GET", "/federation/directory"),
        ("POST", "/federation/renewal"),
        ("GET", "/audit/2026/vkey"),
    ):
        connection = http.client.HTTPSConnection(host, context=context, timeout=20)
        connection.request(method, path, b"x" if method == "POST" else None)
        assert connection.getresponse().status in (401, 403), path
        connection.close()


def test_c16_a_member_cannot_bring_an_older_or_altered_directory(region: list[Node]) -> None:
    north, south, west = region
    line = Line(south, west)
    status, etag, old = line.take()
    assert (status, line.take(etag)[0]) == (200, 304)
    north.run("federation", "sign")
    until = time.monotonic() + 60
    while line.take(etag)[0] == 304:
        assert time.monotonic() < until
    assert line.bring(old) == (409, b"rolled-back")
    _, newer, present = line.take()
    assert line.bring(present.replace(b'"signature":"', b'"signature":"A')) == (409, b"malformed")
    assert line.bring(present) == (204, b"")  # what is in force changes nothing
    assert line.take()[1] == newer
    assert "directory-rolled-back" in alarms(west)


def test_a_certificate_renews_itself_with_overlap_while_everything_goes_on(region: list[Node], tmp_path: Path) -> None:
    """Late comes with a certificate of the federation's CA of which two thirds are over."""
    north, south = region[:2]
    ca = open_authority(north.folder / "keys" / "federation", "", now=datetime.now(UTC), development=False)
    late = stranger(tmp_path / "Late", free_base(), "Late", "127.0.0.8")
    key = requested_key((late.folder / "keys" / "tls.csr").read_bytes())
    old = ca.issue("Late", key, now=datetime.now(UTC) - timedelta(days=170), hosts=["127.0.0.8"], days=180)
    (tmp_path / "late.pem").write_text(to_pem([old]))
    join(north, late, "--certificate", str(tmp_path / "late.pem"))
    late.start()
    try:
        line, until = Line(late, south), time.monotonic() + 60
        chain = late.folder / "keys" / "tls.pem"
        while from_pem(chain.read_bytes())[0] == old:
            assert line.status() == 200  # an open connection with the old certificate
            assert Line(south, late).status() == 200
            assert time.monotonic() < until
        new = from_pem(chain.read_bytes())[0]
        assert new.public_key() != old.public_key()
        assert (new.not_valid_after_utc - datetime.now(UTC)).days in (179, 180)
        for there in (north, south):
            assert Line(late, there).status() == 200
            shown = json.loads(there.run("peer", "show", "Late", "--json").stdout)
            assert shown["fingerprint"] == fingerprint_of(new)
            assert shown["previous_certificate"]  # both count during the overlap
        assert Line(south, late).status() == 200
        assert line.status() == 200
        assert "certificate-14-days" in alarms(late)
        assert "could not be told" not in late.run("federation", "leave").stderr
        assert "Late" not in members(north)
    finally:
        late.stop()


def test_an_mcsd_file_changes_the_directory_only_when_it_is_signed(region: list[Node], tmp_path: Path) -> None:
    north, west = region[:2]
    file = tmp_path / "region.json"
    west.run("federation", "export", str(file))
    known = json.loads(north.run("federation", "list", "--json").stdout)
    same = json.loads(north.run("federation", "import", str(file), "--json").stdout)
    assert {one["state"] for one in same["changes"]} == {"same"}
    file.write_text(file.read_text().replace('"name": "South"', '"name": "South Clinic"'))
    shown = json.loads(north.run("federation", "import", str(file), "--json").stdout)
    assert [(one["name"], one["text"]) for one in shown["changes"] if one["state"] == "changed"] == [
        ("South Clinic", "name")
    ]
    after = json.loads(north.run("federation", "list", "--json").stdout)
    assert after == known
    refused = north.run("federation", "import", str(file), "--sign", "0" * 64, check=False)
    assert "federation.proposal" in refused.stderr
    assert "federation.no-signer" in west.run("federation", "import", str(file), check=False).stderr
    north.run("federation", "import", str(file), "--sign", shown["proposal"])
    signed = json.loads(north.run("federation", "list", "--json").stdout)
    assert signed["version"] == known["version"] + 1
    assert "South Clinic" in {one["name"] for one in signed["members"]}
    file.write_text(file.read_text().replace('"name": "South Clinic"', '"name": "South"'))
    again = json.loads(north.run("federation", "import", str(file), "--json").stdout)
    north.run("federation", "import", str(file), "--sign", again["proposal"])


def test_t10_a_removed_member_gets_nothing_any_more_on_open_connections_too(region: list[Node]) -> None:
    north, south, west = region
    removed = [Line(west, north), Line(west, south)]
    staying = [Line(south, north), Line(north, south)]
    assert [line.status() for line in (*removed, *staying)] == [200] * 4
    north.run("federation", "remove", "West", "--reason", "trial")
    took = [line.until_refused() for line in removed]
    print(f"removed: refused at the signer after {took[0]:.2f} s, at a member after {took[1]:.2f} s")
    assert [line.status() for line in staying] == [200, 200]  # the same connections: nothing else is disturbed
    assert "West" not in members(south)
    assert json.loads(south.run("peer", "list", "--json").stdout)["peers"][0]["name"] == "North"


def test_t7_a_withdrawn_certificate_counts_no_more(region: list[Node]) -> None:
    north, south, _ = region
    line = Line(south, north)
    assert line.status() == 200
    north.run("federation", "revoke", "South", "--reason", "stolen")
    line.until_refused()
    assert members(north)["South"] == "its certificate was withdrawn"
