"""Where the given reference data lies: beside the checkout, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared"
SHARED: Path | None = _BESIDE if (_BESIDE / "README.md").is_file() else None

needs_shared = pytest.mark.skipif(SHARED is None, reason="../shared is not beside the checkout")
