"""The process that draws: shut in, bounded, and not believed (threats I12, I15)."""

import json
import platform
import subprocess
import sys

import pytest

from node.web.drawing import process
from node.web.drawing.checked import is_drawing

CONFINED = """
import os, socket, sys, threading
from node.web.drawing.confinement import confine
confine(memory=256 << 20, seconds=1)
{what}
print("it worked")
"""
REFUSED = {
    "I12-network": "socket.socket()",
    "I12-unix-socket": "socket.socket(socket.AF_UNIX)",
    "I12-process": "os.fork()",
    "I12-program": "os.execv('/bin/true', ['true'])",
    "I12-read-a-file": "open('/etc/passwd').read()",
    "I12-read-of-the-node": "open('/proc/self/environ').read()",
    "I12-write-a-file": "open('/tmp/written-by-a-document', 'w')",
    "I12-remove-a-file": "os.unlink('/tmp/nothing-is-here')",
    "I12-signal": "os.kill(1, 0)",
    "I15-memory": "bytearray(300 << 20)",
}


def confined(what: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-P", "-c", CONFINED.format(what=what)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("what", REFUSED, ids=str)
def test_what_it_cannot_do(what):
    done = confined(REFUSED[what])
    assert "it worked" not in done.stdout
    assert ("MemoryError" if what == "I15-memory" else "Permission") in done.stderr


def test_I15_it_ends_when_its_time_is_over():
    done = confined("while True: pass")
    assert done.returncode < 0


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the filter of system calls is for x86_64")
def test_I12_a_process_that_cannot_shut_itself_in_draws_nothing():
    """The first filter refuses the call that sets the second one, as a kernel or a container might."""
    setting = "import ctypes; from node.web.drawing.confinement import _filter_calls, confine; libc = ctypes.CDLL(None)"
    code = f"{setting}; libc.prctl(38, 1, 0, 0, 0); _filter_calls(libc); print('filtered'); _filter_calls(libc)"
    done = subprocess.run([sys.executable, "-P", "-c", code], check=False, capture_output=True, text=True, timeout=30)
    assert done.stdout == "filtered\n"
    assert "seccomp" in done.stderr


def test_what_drawing_needs_it_can_do():
    needs = (
        "t = threading.Thread(target=print); t.start(); t.join(); b'a'.decode('big5'); os.listdir('/usr/share/fonts')"
    )
    assert "it worked" in confined(needs).stdout


@pytest.mark.parametrize(
    "html",
    [
        "<script>", "<img src=x>", "<p onclick=a>", '<a href="https://evil.example">', "<iframe>", "<style>", "<p style='x'>",
        '<img alt="" width="1" height="1" src="data:image/svg+xml;base64,AAAA">', "<p", "a > b", '<span class="a b">',
        '<td colspan="1" onclick="x">', "<svg>", "<!-- -->", "<!doctype html>", "<meta>", "<a href='#s1'>", "<form>", "<input>",
    ],
)  # fmt: skip
def test_I10_an_answer_with_anything_else_is_not_believed(html):
    assert not is_drawing(html)
    head = json.dumps({"form": "cda", "html": html}).encode()
    with pytest.raises(ValueError, match="not a drawing"):
        process._believed(head, b"")


@pytest.mark.parametrize(
    "head",
    [
        b"", b"[]", b"null", b"{}", b'{"form":"other"}', b'{"form":"pdf"}', b'{"form":"image","width":-1}', b"[" * 100_000,
        b'{"form":"cda","html":"","subject":{"names":1}}', b'{"form":"cda","html":"","width":1e9}',
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_not_believed(head):
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError, RecursionError)):
        process._believed(head, b"")


async def test_I15_many_at_once_all_come_back():
    import asyncio

    answers = await asyncio.gather(*(process.draw(b"text %d" % n, words={}) for n in range(3)))
    assert [f"text {n}" in answer.html for n, answer in enumerate(answers)] == [True] * 3
