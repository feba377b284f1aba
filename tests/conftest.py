"""For every test: what takes how long is no test's business, and what tests share is made once."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine changes no outcome
settings.load_profile("no deadline")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all tests that share a fixture of a module or of the session, so that it is made only once."""
    for item in items:
        defined = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
        shared = [fixtures[-1] for fixtures in defined if fixtures[-1].scope != "function"]
        ours = sorted(one.baseid + one.argname for one in shared if one.scope == "session" and one.baseid)
        if not ours and any(one.baseid.startswith("tests/") for one in shared):
            ours = [item.nodeid.partition("::")[0]]
        if ours:
            item.add_marker(pytest.mark.xdist_group(ours[0]))
