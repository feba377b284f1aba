"""For every test: what takes how long is no test's business, so that a busy machine changes no outcome."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
