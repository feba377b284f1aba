"""What the memory of a long-running process looks like: measured settings of the collector and of the C library.

A request makes several thousand objects, hardly any of them in a cycle, and a few buffers of 100 to 300 kB. With the
defaults Python looks for cycles some five times a request, and glibc gives large buffers back to the system and takes
them again, page by page.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from typing import Final

_YOUNG: Final = 20_000  # objects that are made before the youngest are looked at; the default is 700
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT_BYTES: Final = 16 << 20  # free memory that stays with the process
_MAPPED_BYTES: Final = 4 << 20  # from this size on a buffer is given back at once


def settle() -> None:
    """Call once, when everything that lives as long as the process has been made."""
    gc.collect()
    gc.freeze()  # modules, classes and tables are never looked at again
    gc.set_threshold(_YOUNG, 20, 50)
    with contextlib.suppress(OSError, AttributeError):  # a C library without mallopt goes on as it is
        c_library = ctypes.CDLL(None)
        c_library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        c_library.mallopt(_MMAP_THRESHOLD, _MAPPED_BYTES)
