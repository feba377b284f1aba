"""NIST's test plans against a fresh federation: each plan must run and pass, then again with the stricter judgement.

The plans and their runner are given data beside the checkout. Which plans belong here is written out below, so that a
plan that silently disappears from a collection is noticed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from scripts.demonstration.federation import Federation, free_base
from scripts.demonstration.processes import CommandFailed
from scripts.suites import initiating
from scripts.suites.outcome import RESULTS, SHARED, Request, Status, echoed

# Collections R.b, SQ.b, PR.b, Ret.b, reg, rep and rg(xca).
REGISTER: Final = "11992 11994 11995 11996 11998a 11999 12000 12000.1a 12001 12002 12004 12084 12327 12370 12379"
STORED_QUERY: Final = "11897 11899 11902 11904 11905 11906 11907 12368"
PROVIDE: Final = "11966 11979 11986 ReposAcceptanceTest-1111 ReposAcceptanceTest-1112"
RETRIEVE: Final = "12021 12029 12360"
GATEWAY: Final = "12310 12311 12312 12313"
# Outside those collections: register by an integrated source, two sets of refusals of a responding gateway.
OTHERS: Final = "12051 15815 15831"
# Collections reg_mu, reg_rmu, rg(xca)_rmu, reg_rm and rep_rd.
UPDATE: Final = "15800c 15800d 15800e 15802b 20000 20000b 20000c 20000d 20000f 20002b 20008 20100a 20100b 21001 21002"
RESTRICTED: Final = "40000 40000b 40000c 40000e 40001 12320 40030b 40030d 40037"
REMOVE: Final = "30000 30001 30002 30007 30008 50000 50002"
# Collection reg_mpq. It counts the documents of everybody, and so passes once at each registry.
SEVERAL_PATIENTS: Final = "12364"
ON_DEMAND: Final = "15805"  # collection reg_od; rg(xca)_od is 15831 of OTHERS
RECIPIENT: Final = "12371 12375"  # collection rec
LINK_CHANGE: Final = "16101b 16102 16102c 16103 16103b"  # collection reg_xadpid
PLANS: Final = tuple(
    " ".join(
        (
            REGISTER,
            STORED_QUERY,
            PROVIDE,
            RETRIEVE,
            GATEWAY,
            OTHERS,
            UPDATE,
            RESTRICTED,
            REMOVE,
            SEVERAL_PATIENTS,
            ON_DEMAND,
            LINK_CHANGE,
            RECIPIENT,
        )
    ).split()
)

# With --strict this plan expects text/plain for a document that its own fixture submits as text/xml.
NOT_STRICT: Final = frozenset({"12313"})

# The submission of this plan is wrong: no HasMember leads from its submission set to its folder, nor to the FD-DE
# associations (ITI TF-3: 4.2.2.1.2, 4.2.2.1.3 and 4.2.2.1.4 require them), so every registry has to refuse it. The plan
# is run with these added to a copy; without them it is refused, which `tests/scripts/test_suites.py` shows.
MENDED: Final = {
    "16102c/submit/two_de_fd.xml": [
        ("SubmissionSet01", target) for target in ("Folder", "ID_1795960102_5", "ID_1795960102_6")
    ]
}

_ENDPOINTS: Final = {
    "stored_query": "iti-18",
    "multi_patient_query": "iti-51",
    "provide_and_register": "iti-41",
    "xdr_provide_and_register": "iti-41-xdr",
    "register": "iti-42",
    "retrieve": "iti-43",
    "xc_query": "iti-38",
    "xc_retrieve": "iti-39",
    "update": "iti-57",
    "restricted_update": "iti-92",
    "xc_restricted_update": "iti-92-gateway",
    "register_on_demand": "iti-61",
    "remove_metadata": "iti-62",
    "remove_documents": "iti-86",
}
_CLOSING: Final = re.compile(r"^passed (\d+), failed (\d+), unsupported (\d+)$")


@contextmanager
def _fresh_federation() -> Iterator[Federation]:
    """Three development nodes in a temporary folder on ports that nobody uses."""
    with tempfile.TemporaryDirectory(prefix="xdsnode-") as folder:
        names = ["Conformance One", "Conformance Two", "Conformance Three"]
        federation = Federation(Path(folder), names, None, free_base(len(names)))
        try:
            federation.make()
            federation.start()
            yield federation
        finally:
            federation.stop()


def configuration(described: dict[str, Any]) -> str:
    """The runner's TOML for the node that `endpoints --json` describes."""
    lines = [
        "[site]",
        f'home_community_id = "{described["home_community_id"]}"',
        f'repository_unique_id = "{described["repository_unique_id"]}"',
        f'assigning_authority = "{described["assigning_authority"]}"',
        "[endpoints]",
        *(f'{theirs} = "{described["endpoints"][ours]}"' for theirs, ours in _ENDPOINTS.items()),
        "[patients]",
        'mode = "mllp"',
        f'mllp = "{described["mllp"]}"',
        "[tls]",
        *(f'{name} = "{described["tls"][name]}"' for name in ("ca", "client_cert", "client_key")),
    ]
    return "\n".join(lines) + "\n"


def mended(submission: str, missing: Sequence[tuple[str, str]]) -> str:
    """A submission of a plan with the HasMember associations that it lacks."""
    members = "".join(
        f'<rim:Association id="mended-{number}" sourceObject="{source}" targetObject="{target}" '
        'associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"/>'
        for number, (source, target) in enumerate(missing)
    )
    return submission.replace("</rim:RegistryObjectList>", members + "</rim:RegistryObjectList>")


def _plan_data(folder: Path) -> Path:
    """The given data, read in place but for the plans of `MENDED`."""
    given = SHARED / "nist-testkit" / "data"
    changed = {name.partition("/")[0] for name in MENDED}
    (folder / "tests").mkdir()
    for item in (*given.iterdir(), *(given / "tests").iterdir()):
        if item.name != "tests" and item.name not in changed:
            (folder / item.relative_to(given)).symlink_to(item)
    for name in changed:
        for path in (given / "tests" / name).rglob("*"):  # what is given may be read-only, also its folders
            if path.is_file():
                copy = folder / path.relative_to(given)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    for name, missing in MENDED.items():
        path = folder / "tests" / name
        path.write_text(mended(path.read_text(encoding="utf-8"), missing), encoding="utf-8")
    return folder


def _run_plans(config: Path, plans: Sequence[str], data: Path, *, strict: bool, of: str = "") -> bool:
    """Run `plans`; True when every one of them ran and passed."""
    name = of + ("strict" if strict else "plain")
    print(f"\n{len(plans)} plans, {name}:", flush=True)
    arguments = [sys.executable, "-P", "-m", "scripts.suites.plans", "--data", str(data)]
    arguments += ["--config", str(config), "--json", str(RESULTS / f"conformance-{name}.json"), "--tests", *plans]
    status, lines = echoed([*arguments, "--strict"] if strict else arguments)
    closing = next((found for line in reversed(lines) if (found := _CLOSING.match(line))), None)
    if closing is None:
        print(f"the runner ended with {status} and without its closing line")
        return False
    passed, failed, unsupported = map(int, closing.groups())
    if failed or unsupported or passed != len(plans):
        print(f"of {len(plans)} plans {passed} passed, {failed} failed, {unsupported} did not run")
        return False
    return status == 0


def run(_: Request) -> Status:
    """Both rounds against node 1 of a fresh federation."""
    RESULTS.mkdir(exist_ok=True)
    os.environ["PYTHONPATH"] = f"{SHARED / 'nist-testkit'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["TZ"] = "UTC"  # the runner writes local times into queries
    try:
        with _fresh_federation() as federation, tempfile.TemporaryDirectory(prefix="xdsnode-plans-") as made:
            data = _plan_data(Path(made))
            config = RESULTS / "conformance.toml"
            config.write_text(configuration(federation.nodes[0].describe()), encoding="utf-8")
            plain = _run_plans(config, PLANS, data, strict=False)
            plans = [plan for plan in PLANS if plan not in NOT_STRICT | {SEVERAL_PATIENTS}]
            strict = _run_plans(config, plans, data, strict=True)
            config.write_text(configuration(federation.nodes[1].describe()), encoding="utf-8")
            strict = _run_plans(config, [SEVERAL_PATIENTS], data, strict=True, of="several-patients-") and strict
            if not (plain and strict):
                print(f"\nthe end of the log of node 1:\n{federation.log_tail(federation.nodes[0])}")
        asked = _initiating()
    except CommandFailed as problem:
        print(problem)
        return Status.FAILED
    return Status.PASSED if plain and strict and asked else Status.FAILED


def _initiating() -> bool:
    """Both rounds against a node that asks the runner's own gateways."""
    with (
        tempfile.TemporaryDirectory(prefix="xdsnode-") as folder,
        initiating.gateway_under_test(Path(folder), free_base(2)) as (federation, stubs),
    ):
        described = federation.nodes[0].describe()
        config = RESULTS / "initiating.toml"
        further = "".join(f'{name} = "{url}"\n' for name, url in initiating.endpoints(described).items())
        text = configuration(described).replace("[patients]\n", further + "[patients]\n")
        config.write_text(text + stubs, encoding="utf-8")
        data = SHARED / "nist-testkit" / "data"
        good = [_run_plans(config, initiating.PLANS, data, strict=strict, of="initiating ") for strict in (False, True)]
        if not all(good):
            print(f"\nthe end of the log:\n{federation.log_tail(federation.nodes[0])}")
        return all(good)
