"""Revocation lists of a directory: each CA has one, the newest; taking one in gives no other one up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.trust.pki.making import NOW, authority, node_certificate
from trust.directory.content import Content
from trust.directory.members import Withdrawn, with_lists
from trust.errors import BadCertificate

ONE, OTHER, STRANGER = authority("One CA"), authority("Other CA"), authority("Stranger CA")
CONTENT = Content(issuers=(ONE.pem, OTHER.pem))


def listed(ca, *issued, now=NOW) -> str:
    rows = [(one.certificate.serial_number, now) for one in issued]
    return ca.crl(rows, now=now, days=7, number=1).decode()


def test_the_list_of_another_ca_gives_none_up():
    mine, theirs = node_certificate(ONE), node_certificate(OTHER)
    content = with_lists(with_lists(CONTENT, listed(ONE, mine)), listed(OTHER, theirs))
    withdrawn = Withdrawn.of(content)
    assert withdrawn.names(mine.certificate)
    assert withdrawn.names(theirs.certificate)
    assert len(content.crls) == 2


def test_a_newer_list_takes_the_place_of_its_ca_and_an_older_one_is_refused():
    first, second = node_certificate(ONE), node_certificate(ONE)
    content = with_lists(CONTENT, listed(ONE, first))
    newer = with_lists(content, listed(ONE, first, second, now=NOW + timedelta(hours=1)))
    assert len(newer.crls) == 1
    assert Withdrawn.of(newer).names(second.certificate)
    with pytest.raises(BadCertificate, match="older"):
        with_lists(newer, listed(ONE, first))


def test_several_lists_in_one_text():
    mine, theirs = node_certificate(ONE), node_certificate(OTHER)
    withdrawn = Withdrawn.of(with_lists(CONTENT, listed(ONE, mine) + listed(OTHER, theirs)))
    assert withdrawn.names(mine.certificate)
    assert withdrawn.names(theirs.certificate)


@pytest.mark.parametrize("pem", [listed(STRANGER), "", listed(ONE) + listed(STRANGER), listed(ONE) + listed(ONE)])
def test_a_list_that_would_withdraw_nothing_is_refused(pem):
    with pytest.raises(BadCertificate):
        with_lists(replace(CONTENT, crls=()), pem)
