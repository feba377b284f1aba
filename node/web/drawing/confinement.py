"""A process shuts itself in before it reads a byte of a document: memory, time, files, network, other processes.

Limits hold everywhere. Landlock leaves fonts and the standard library to read, where the kernel knows it; the filter of
system calls is for x86_64, and elsewhere the process has the rest. Nothing here needs a privilege. Source: threats I12,
I15; landlock(7), seccomp(2), linux/filter.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from pathlib import Path
from typing import Final

_FONTS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "/usr/share/X11/fonts", "/usr/share/poppler")
_NO_NEW_PRIVILEGES, _SECCOMP, _DUMPABLE, _DIE_WITH_PARENT = 38, 22, 4, 1  # prctl
_FILTER: Final = 2
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_READ: Final = 1 << 2 | 1 << 3  # files and folders
_OPEN_FILES: Final = 64
# Numbers of system calls on x86_64 that drawing needs; whatever else answers EPERM.
_ALLOWED: Final = (
    *(0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 17, 20, 21, 24, 25, 28),  # read to madvise: files, memory, signals
    *(39, 60, 63, 72, 79, 89, 96, 97, 99, 102, 104, 107, 108, 131),  # getpid to sigaltstack: about itself
    *(
        186,
        202,
        204,
        217,
        218,
        228,
        229,
        230,
        231,
        262,
        273,
        318,
        332,
        334,
    ),  # gettid, futex, clocks, exit, stat, random
)
_OPENAT, _CLONE, _CLONE3, _IOCTL = 257, 56, 435, 16
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_THREAD: Final = 0x10000  # CLONE_THREAD
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050001, 0x80000000  # the middle one: errno EPERM
_NO_SUCH_CALL: Final = 0x00050026  # ENOSYS: the C library then uses the older call, which can be judged
_TTY: Final = 0x00050019  # ENOTTY: "is this a terminal" is asked of every file
_X86_64: Final = 0xC000003E


def confine(*, memory: int, seconds: int) -> None:
    """Bound memory (bytes) and processor time (seconds), then give up what drawing does not need.

    Raises:
        OSError: the kernel refused a bound that it knows; nothing is drawn then.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_AS, (memory + (1 << 30), memory + (1 << 30)))  # libraries and fonts are mapped
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DIE_WITH_PARENT, 9, 0, 0, 0)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the process cannot give up new privileges")
    _only_fonts(libc)
    if platform.machine() == "x86_64":
        _filter_calls(libc)


def _only_fonts(libc: ctypes.CDLL) -> None:
    """Landlock: no file but fonts and the standard library, no TCP, no signals to others."""
    abi = libc.syscall(_CREATE_RULESET, None, 0, 1)
    if abi < 1:
        return  # an older kernel
    files = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}.get(abi, (1 << 16) - 1)
    parts = [files, *([3] if abi >= 4 else []), *([3] if abi >= 6 else [])]
    wanted = struct.pack(f"={len(parts)}Q", *parts)
    ruleset = libc.syscall(_CREATE_RULESET, wanted, len(wanted), 0)
    if ruleset < 0:
        return
    for path in (*_FONTS, str(Path(os.__file__).parent)):
        if Path(path).is_dir():
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", _READ, folder), 0)
            os.close(folder)
    refused = libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    if refused:
        raise OSError(ctypes.get_errno(), "the process cannot give up files (Landlock)")


def _filter_calls(libc: ctypes.CDLL) -> None:
    """Seccomp: the calls that drawing needs; files to read alone, threads but no process, nothing of the network."""
    code = [_load(4), _jump(_X86_64, 1, 0), _return(_KILL), _load(0)]
    for number in _ALLOWED:
        code += [_jump(number, 0, 1), _return(_ALLOW)]
    for number, verdict in ((_CLONE3, _NO_SUCH_CALL), (_IOCTL, _TTY)):
        code += [_jump(number, 0, 1), _return(verdict)]
    code += [_jump(_OPENAT, 0, 4), _load(32), _any(_WRITING, 0, 1), _return(_REFUSE), _return(_ALLOW)]
    code += [_jump(_CLONE, 0, 3), _load(16), _any(_THREAD, 0, 1), _return(_ALLOW)]
    code.append(_return(_REFUSE))
    program = ctypes.create_string_buffer(b"".join(code), len(code) * 8)
    head = struct.pack("HxxxxxxP", len(code), ctypes.addressof(program))
    if libc.prctl(_SECCOMP, _FILTER, ctypes.c_char_p(head), 0, 0):
        raise OSError(ctypes.get_errno(), "the process cannot give up system calls (seccomp)")


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", 0x20, 0, 0, offset)


def _jump(value: int, equal: int, other: int) -> bytes:
    return struct.pack("HBBI", 0x15, equal, other, value)


def _any(bits: int, some: int, none: int) -> bytes:
    return struct.pack("HBBI", 0x45, some, none, bits)


def _return(verdict: int) -> bytes:
    return struct.pack("HBBI", 0x06, 0, 0, verdict)
