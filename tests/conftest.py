"""For every test: what takes how long is no test's business, and what tests share is made once."""

from __future__ import annotations

import pytest
from _pytest.nodeid import NodeId
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # a busy machine changes no outcome
settings.load_profile("no deadline")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One worker runs all tests of a module, or of the modules that share a fixture: it is made once, caches count.

    Real nodes come first: they wait most, and nobody waits for them at the end.
    """
    items.sort(key=lambda item: "tests/end_to_end" not in item.nodeid)
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_shared(item) or _place(item)))
        if config.getoption("loadgroup", default=False):  # in a worker: pytest 9.2 does not read what xdist 3.8 writes
            (group,) = {marker.args[0] for marker in item.iter_markers("xdist_group")}
            item._id = NodeId.parse(f"{item.nodeid}@{group}")


def _place(item: pytest.Item) -> str:
    """Its module; those of the architecture are one, because they read the same sources."""
    module = item.nodeid.partition("::")[0]
    return "architecture" if module.startswith("tests/architecture/") else module


def _shared(item: pytest.Item) -> str:
    """The fixture of the session, made by a conftest of ours, that a test uses."""
    defined = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
    last = [fixtures[-1] for fixtures in defined]
    return min((one.baseid + one.argname for one in last if one.scope == "session" and one.baseid), default="")
