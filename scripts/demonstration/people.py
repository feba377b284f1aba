"""Four people of the first institution who sign in on its pages: one password, made here, kept for its owner alone."""

from __future__ import annotations

import json
import os
import secrets

from scripts.demonstration.federation import WEB, Federation
from scripts.demonstration.processes import together

PEOPLE = (
    ("a.li", "Dr Ada Li", "clinician", "finds and reads documents of all institutions"),
    ("m.sala", "Marta Sala", "auditor", "sees who read what, and why"),
    ("p.vos", "Petra Vos", "patient-representative", "makes the report for a patient: who read their documents"),
    ("o.berg", "Olav Berg", "administrator", "sees how the node and its peers are"),
)


def add(federation: Federation) -> None:
    """Open the accounts, without one-time codes (development nodes may); the password goes into `people.json`."""
    path = federation.kept / "people.json"
    password = "-".join(secrets.token_hex(2) for _ in range(4))
    said = {"password": password, "people": [name for name, *_ in PEOPLE]}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(said, file)
    secret = path.with_name("password")
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(password)
    folder = str(federation.nodes[0].folder)
    options = ("--without-code", "--password-file", str(secret), "--dir", folder)
    together(
        [
            ["user", "add", name, "--full-name", full, "--role", role, *_profession(role), *options]
            for name, full, role, _ in PEOPLE
        ]
    )
    secret.unlink()


def _profession(role: str) -> list[str]:
    return ["--profession", "physician"] if role == "clinician" else []


def show(federation: Federation) -> None:
    """Where the pages are, and who may sign in there."""
    said = json.loads((federation.kept / "people.json").read_text(encoding="utf-8"))
    first = federation.nodes[0]
    print(f"\nPages of {first.name}: https://localhost:{first.base + WEB}/")
    print("  (the certificate is this demonstration's own: the browser asks once whether to go on)")
    for name, full, role, does in PEOPLE:
        print(f"  {name:7} {role:22} {full}: {does}")
    print(f"  password of all four: {said['password']}")
