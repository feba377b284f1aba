"""ITI-72 at a real node: the person that a token names stands in the record of ITI-81; refusals are those of RFC 6750."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator

import jwt
import pytest

from tests.attacks.test_token_attacks import ISSUER, claims, jwk, rsa_key
from tests.node.test_cli_running import Node, free_base
from trust.identity.access_token import thumbprint_of


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, ssl.SSLContext, bytes, str]]:
    """A node that takes tokens, an auditor's connection to it, the certificate, and the node's homeCommunityId."""
    node = Node(tmp_path_factory.mktemp("tokens") / "node", free_base())
    node.run("init", "--name", "Klinik", "--dev", "--port-base", str(node.base), "--authority", "2.999.1")
    (node.folder / "keys" / "as.json").write_text(json.dumps({"keys": [jwk(rsa_key(), "r1", "RS256")]}))
    (node.folder / "keys" / "as.json").chmod(0o400)
    config = node.folder / "node.toml"
    text = config.read_text()
    issuer = f'\n[[iua.issuers]]\nname = "as"\nissuer = "{ISSUER}"\njwks = "keys/as.json"\n'
    config.write_text(text.replace("[iua]", '[iua]\nmode = "accepted"') + issuer)
    node.start()
    made = node.json("client", "add", "office", "--role", "auditor", "--output", str(node.folder.parent / "office"))
    context = ssl.create_default_context(cafile=made["ca"])
    context.load_cert_chain(made["client_cert"], made["client_key"])
    with open(made["client_cert"]) as file:
        certificate = ssl.PEM_cert_to_DER_cert(
            file.read().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----"
        )
    yield node, context, certificate, node.json("endpoints", "--json")["home_community_id"]
    if node.process is not None:
        node.process.kill()
        node.process.wait()


def token(home: str, certificate: bytes, **changes) -> str:
    now = int(time.time())
    given = claims(aud=home, iat=now, exp=now + 300, cnf={"x5t#S256": thumbprint_of(certificate)})
    given["extensions"]["ihe_iua"]["home_community_id"] = home
    return jwt.encode(given | changes, rsa_key(), algorithm="RS256", headers={"kid": "r1"})


def get(node: Node, context: ssl.SSLContext, bearer: str | None) -> tuple[int, str, dict]:
    connection = http.client.HTTPSConnection("localhost", node.base + 1, context=context, timeout=30)
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    connection.request("GET", "/audit/AuditEvent?date=ge2020", headers=headers)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, response.getheader("WWW-Authenticate") or "", body


def test_the_user_stands_in_the_record(office) -> None:
    node, context, certificate, home = office
    status, _, bundle = get(node, context, token(home, certificate))
    assert status == 200
    assert bundle["resourceType"] == "Bundle"
    status, _, bundle = get(node, context, token(home, certificate))
    assert f"<u-4711@{ISSUER}>" in json.dumps(bundle)
    assert get(node, context, None)[0] == 200  # accepted, not required


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"exp": 1}, 401, "invalid_token"),
        ({"cnf": None}, 401, "invalid_token"),
        ({"aud": "urn:oid:2.999.7"}, 401, "invalid_token"),
        ({"scope": "ITI-67"}, 403, "insufficient_scope"),
    ],
)
def test_refusals(office, changes, status, error) -> None:
    node, context, certificate, home = office
    got = get(node, context, token(home, certificate, **changes))
    assert got[:2] == (status, f'Bearer error="{error}"')
    assert got[2]["resourceType"] == "OperationOutcome"
