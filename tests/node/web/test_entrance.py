"""How somebody signed in is what assertions about them say (ITI TF-2: 3.40.4.1.2, AuthnStatement; federation-wire 4.3)."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pyotp
import pytest
from aiohttp import web

from node.asserted import parse
from node.operations import execute
from node.services import open_services
from node.web import asking, entrance, provider
from node.web.listening import PageListener
from node.web.sessions import Person, Visit
from node.web.view import COOKIE, View
from trust.accounts.factors import hashed
from trust.accounts.openid import SignedIn
from trust.accounts.store import Duty
from trust.audit.event import Coded
from trust.identity.assertion import read_assertion
from trust.identity.names import AUTHN_CLASS, SAML

PASSWORD = "four random words"


@pytest.fixture
async def services(made_node):
    async with open_services(made_node()) as found:
        yield found


def asked(services, **values) -> View:
    desk = PageListener(services, None, None, frozenset(), ())._desk
    return View(
        desk=desk, request=None, path="/", parameters={}, address="127.0.0.1", certificate="", language="en", theme="",
        now=asyncio.get_running_loop().time(), **values,
    )  # fmt: skip


def signed_in(view: View, response: web.StreamResponse) -> View:
    view.session = view.desk.sessions.find(response.cookies[COOKIE].value, view.now)
    return view


def said(view: View) -> tuple[str, list[str]]:
    """Class and authorities of an assertion about who is signed in; one that a receiver here accepts."""
    visit = Visit(person=Person(cx="1^^^&1.2&ISO"), purpose=Coded("TREAT", "s", "t"), seen=view.now)
    assertion = parse(asking.assertion(view, visit))
    assertion.remove(assertion[1])  # the signature
    context = assertion.find(f".//{{{SAML}}}AuthnContext")
    assert read_assertion(assertion).context == context[0].text
    return context[0].text.removeprefix(AUTHN_CLASS), [one.text for one in context[1:]]


@pytest.mark.parametrize(("coded", "context"), [(False, "PasswordProtectedTransport"), (True, "TimeSyncToken")])
async def test_a_password_alone_and_with_a_one_time_code(services, coded, context):
    order = {"name": "a.li", "role": "clinician", "password": hashed(PASSWORD), "without_code": not coded}
    account = await execute(services, "user add", order, "root")
    code = pyotp.TOTP(account["code_secret"]).now() if coded else ""
    view = asked(services, fields={"name": "a.li", "password": PASSWORD, "code": code})
    assert said(signed_in(view, await entrance.sign_in(view))) == (context, [])


async def test_a_certificate(services):
    pem = services.config.folder.tls_chain.read_text()
    order = {"name": "a.li", "role": "clinician", "password": hashed(PASSWORD)}
    await execute(services, "user add", order, "root")
    bound = await execute(services, "user certificate", {"name": "a.li", "certificate": pem}, "root")
    view = asked(services)
    view.certificate = bound["certificate"]
    assert said(signed_in(view, await entrance.certificate(view))) == ("TLSClient", [])


async def test_an_identity_provider_is_named(services, monkeypatch):
    """It vouches for how the user signed in there."""
    issuer = "https://idp.stmary.example"
    services.config = replace(services.config, sign_in=replace(services.config.sign_in, issuer=issuer))

    async def finish(*_) -> SignedIn:
        return SignedIn(user="c.wu", full_name="Dr Chen Wu", duty=Duty.CLINICIAN)

    monkeypatch.setattr(provider.Provider, "finish", finish)
    view = asked(services)
    view.request = SimpleNamespace(cookies={}, query={})
    assert said(signed_in(view, await provider.arrive(view))) == ("PreviousSession", [issuer])
