"""What `check` says about those whose assertions count, and where the accepted codes come from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from node.configuration.config import Config
from node.configuration.config import parse as read_config
from node.configuration.value_sets import value_sets
from node.faults import Faults
from node.health import Level
from node.issuer_findings import issuers
from tests.node.test_asserted import LOCAL, NODE
from tests.trust.identity.assertions import NOW, certificate, new_key
from trust.consent.words import PURPOSES, ROLES
from trust.pki import assertion_key
from trust.pki.certificates import to_pem


def configured(root: Path, xua: str = LOCAL) -> Config:
    return read_config(NODE + f"[xua]\n{xua}\n", root)


def found(root: Path, xua: str = LOCAL, now=NOW) -> list[tuple[Level, str]]:
    return [(one.level, one.subject) for one in issuers(configured(root, xua), now)]


def idp(root: Path, *days: int) -> None:
    ends = [certificate(new_key(), ends=NOW + timedelta(days=one)) for one in days]
    (root / "idp.pem").write_text(to_pem(ends))


@pytest.mark.parametrize(
    ("ends", "level"),
    [((100,), Level.OK), ((15,), Level.WARN), ((5,), Level.FAIL), ((5, 100), Level.OK), ((100, 15), Level.OK)],
)
def test_a_certificate_that_ends_is_said_in_time(tmp_path: Path, ends: tuple[int, ...], level: Level) -> None:
    """Ten days from now; of several the last to end counts."""
    idp(tmp_path, *ends)
    assert found(tmp_path, now=NOW + timedelta(days=10)) == [(level, "assertions of idp")]


@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----"])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "idp.pem").write_text(content)
    assert found(tmp_path) == [(Level.FAIL, "assertions of idp")]


def test_the_own_issuer_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    assertion_key.create(tmp_path / "keys/assertion.key", tmp_path / "keys/assertion.pem", "Alpha", NOW)
    assert found(tmp_path, "") == [(Level.OK, "assertions of this node")]


def test_a_provider_that_nobody_asks(tmp_path: Path) -> None:
    idp(tmp_path, 100)
    quiet = LOCAL.replace('applications = "accepted"', 'applications = "off"')
    assert (Level.WARN, "assertions") in found(tmp_path, quiet)


def test_the_shipped_codes_are_those_that_consent_knows(tmp_path: Path) -> None:
    """Every purpose that a consent can name can be asserted; every role by at least one of its codes."""
    roles, purposes = value_sets(configured(tmp_path))
    assert {code for code in PURPOSES.values() if purposes.by_code(code) is None} == set()
    known = {word for word, codes in ROLES.items() if codes & roles.codes.keys()}
    assert {"physician", "nurse", "pharmacist", "paramedic", "guardian"} <= known


def test_codes_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[roles]\n"2.999" = [["D", "doctor"]]\n')
    roles, purposes = value_sets(configured(tmp_path, 'values = "mine.toml"'))
    assert dict(roles.codes) == {("D", "2.999"): "doctor"}
    assert dict(purposes.codes) == {}
    with pytest.raises(Faults) as raised:
        value_sets(configured(tmp_path, 'values = "missing.toml"'))
    assert raised.value.faults[0].code == "config.value-sets"
