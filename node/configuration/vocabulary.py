"""Which codes this node's affinity domain accepts, as its configuration says."""

from __future__ import annotations

from node.configuration.config import Config
from node.faults import Exit, Fault, Faults
from registry.metadata.affinity_domain import ANY, AffinityDomain, default_toml


def affinity_domain(config: Config) -> AffinityDomain:
    """The accepted codes: any well-formed one, the shipped set, or those of a file.

    Raises:
        Faults: the file is missing or wrong.
    """
    wanted = config.registry.affinity_domain
    if wanted == "any":
        return ANY
    if wanted == "default":
        return AffinityDomain.from_toml(default_toml())
    path = config.root / wanted
    try:
        return AffinityDomain.from_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        step = 'correct the file, or write affinity_domain = "default" in [registry]'
        raise Faults([Fault("config.affinity-domain", str(path), str(problem), step)], Exit.USAGE) from None
