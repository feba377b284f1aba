"""What this node signs is canonical as it stands, says what it was asked to say, and verifies elsewhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml import SignatureConfiguration, XMLVerifier

from tests.trust.identity.assertions import (
    NOW,
    certificate,
    draft,
    idp_certificate,
    issuer,
    made,
    new_key,
    rsa_certificate,
    signed_by_rsa,
    user_of,
)
from trust.audit.event import Coded
from trust.identity import saml
from trust.identity.making import signed, unsigned
from trust.identity.names import SAML

TEXT = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=30)


@given(TEXT, TEXT, TEXT)
def test_the_text_is_canonical(subject: str, role: str, organisation: str) -> None:
    text = unsigned(draft(subject=subject, roles=(Coded(role, "2.999", role),), organisation=organisation))
    canonical = etree.tostring(etree.fromstring(text), method="c14n", exclusive=True, with_comments=False)
    assert text == canonical


def test_another_program_verifies_what_this_node_signs() -> None:
    checked = XMLVerifier().verify(
        etree.fromstring(made()),
        x509_cert=idp_certificate(),
        id_attribute="ID",
        expect_config=SignatureConfiguration(location="./", verification_time=NOW),
    )
    assert checked.signed_data == unsigned(draft())


def test_this_node_verifies_what_another_program_signs() -> None:
    by = issuer(certificates=(rsa_certificate(),))
    assert user_of(signed_by_rsa(unsigned(draft())), by) == user_of(made())


def test_everything_arrives() -> None:
    said = user_of(
        made(
            npi="1234567893",
            patient="A-4711^^^&2.999.10.100&ISO",
            consents=("urn:oid:2.999.7.1", "urn:oid:2.999.7.2"),
            policies=("urn:oid:2.999.7.3",),
        )
    ).assertion
    wanted = draft()
    assert (said.name, said.organisation, said.organisation_id, said.home, said.npi) == (
        wanted.name,
        wanted.organisation,
        wanted.organisation_id,
        wanted.home,
        "1234567893",
    )
    assert said.patient == "A-4711^^^&2.999.10.100&ISO"
    assert (said.consents, said.policies) == (("urn:oid:2.999.7.1", "urn:oid:2.999.7.2"), ("urn:oid:2.999.7.3",))
    assert (said.role, said.purpose) == (wanted.roles[0], wanted.purposes[0])


def test_the_order_is_that_of_the_schema() -> None:
    tags = [etree.QName(child).localname for child in etree.fromstring(made())]
    assert tags == ["Issuer", "Signature", "Subject", "Conditions", "AuthnStatement", "AttributeStatement"]


def test_the_assertion_stands_in_any_envelope() -> None:
    """Prefixes, default namespaces and attributes around it change nothing that is signed."""
    inside = made().decode()
    around = (
        f'<a xmlns="urn:a" xmlns:saml="{SAML}" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:ds="urn:other"'
        f' xml:lang="en">\n  {inside}\n</a>'
    )
    found = etree.fromstring(around)[0]
    assert user_of(saml.raw_bytes(found)) == user_of(made())


def test_each_key_signs_for_itself() -> None:
    other = signed(draft(), new_key("second"), certificate(new_key("second")))
    assert user_of(other, issuer(certificates=(certificate(new_key("second")),))) == user_of(made())
