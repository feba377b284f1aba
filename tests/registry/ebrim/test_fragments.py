"""Stored fragments: small, complete, and loud when they are damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ebrim import fragments
from registry.ebrim.fragments import DamagedFragmentError, Fragments, train
from registry.ebrim.writer import template
from tests.registry.samples import entry

TEMPLATE = template(entry("urn:uuid:0f9a2f10-5d0e-4a52-9d0c-9d1f6f3b7a01"))
TEMPLATES = [template(entry(f"urn:uuid:0f9a2f10-5d0e-4a52-9d0c-{number:012x}")) for number in range(400)]
DICTIONARY = train(TEMPLATES)
compress, expand = Fragments().compress, Fragments().expand
LEARNED = Fragments([DICTIONARY])
LATER = Fragments([DICTIONARY, train(TEMPLATES[:300])])


@pytest.mark.parametrize("fragments", [Fragments(), LEARNED])
@given(data=st.binary(max_size=5000))
def test_whatever_is_stored_comes_back(fragments, data):
    assert fragments.expand(fragments.compress(data)) == data


@given(st.binary(max_size=5000))
def test_what_was_stored_before_a_dictionary_was_learned_comes_back(data):
    for earlier in (Fragments(), LEARNED):
        assert LATER.expand(earlier.compress(data)) == data


def test_a_learned_dictionary_stores_less():
    assert len(LEARNED.compress(TEMPLATE)) * 3 < 2 * len(compress(TEMPLATE))


def test_without_its_dictionary_nothing_is_expanded():
    with pytest.raises(DamagedFragmentError):
        Fragments().expand(LEARNED.compress(TEMPLATE))


def test_a_dictionary_holds_nothing_that_identifies_a_patient():
    named = [text.replace(b"770013", b"Quetzalcoatlus") for text in TEMPLATES]
    assert any(b"Quetzalcoatlus" in text for text in named)
    assert b"Quetzalcoatlus" not in train(named)


def test_an_entry_is_stored_in_a_tenth_of_its_size():
    assert len(compress(TEMPLATE)) * 8 < len(TEMPLATE)


def test_the_same_entry_is_stored_as_the_same_bytes():
    assert compress(TEMPLATE) == compress(TEMPLATE)


@pytest.mark.parametrize("fragments", [Fragments(), LEARNED])
def test_no_damaged_byte_passes(fragments):
    for place in range(len(fragments.compress(TEMPLATE))):
        stored = bytearray(fragments.compress(TEMPLATE))
        stored[place] ^= 0x41
        with pytest.raises(DamagedFragmentError):
            fragments.expand(bytes(stored))


@pytest.mark.parametrize(
    "stored", [b"", b"\x01", b"\x00abc", b"\x02" + compress(TEMPLATE)[1:], compress(TEMPLATE)[:-1]]
)
def test_what_was_never_stored_is_refused(stored):
    with pytest.raises(DamagedFragmentError):
        expand(stored)


def test_the_dictionary_is_the_one_that_stored_fragments_need():
    """Everything stored with version 1 needs these very bytes: a better dictionary is a new version."""
    assert fragments._DIGEST == DIGEST_OF_VERSION_1
    assert expand(bytes.fromhex(STORED_BY_VERSION_1)) == b"<rim:Association/>"


SEVERAL_THREADS = """
import threading
from registry.ebrim.fragments import Fragments, train
texts = [b"<rim:ExtrinsicObject>" + bytes([65 + place % 25]) * place * 701 for place in range(1, 90)]
fragments = Fragments()
def work():
    for _ in range(6):
        for text in texts:
            if fragments.expand(fragments.compress(text)) != text:
                print("damaged")
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("done")
"""


def test_several_threads_may_store_and_expand_at_once():
    """In a process of its own: without the lock the memory of the process is corrupted, and it ends with SIGABRT."""
    root = Path(__file__).resolve().parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", SEVERAL_THREADS], cwd=root, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "done\n"), ended.stderr


DIGEST_OF_VERSION_1 = "aa18715f17b9f73386c4451cb523b1e3fefe40358f174f3665d829ed19d50b2d"
STORED_BY_VERSION_1 = "0128b52ffd2412550000183c2f3e010086a6ab42fcbc7f7f"
