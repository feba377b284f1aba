"""`init`, `check`, `endpoints` and the commands of a node that does not run; each once as a real process (`process`)."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from cryptography import x509

from tests.commands import command, process
from tests.trust.pki.making import NOW
from trust.pki.authority import Authority, requested_key
from trust.pki.certificates import to_pem


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A development node that was made and never started."""
    root = tmp_path_factory.mktemp("made")
    done = process(
        "init",
        "--dir",
        str(root / "node"),
        "--name",
        "Klinik Süd",
        "--dev",
        "--port-base",
        "23450",
        "--ca",
        str(root / "ca"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return root / "node"


def test_init_leaves_a_whole_node_with_closed_keys(made: Path) -> None:
    assert sorted(path.name for path in made.iterdir()) == ["audit", "data", "keys", "node.toml", "run"]
    assert sorted(path.name for path in made.rglob("*.toml")) == ["node.toml"]
    assert stat.S_IMODE((made / "keys").stat().st_mode) == 0o700
    for path in (made / "keys").rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o400
    chain = x509.load_pem_x509_certificates((made / "keys" / "tls.pem").read_bytes())
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    chain[0].verify_directly_issued_by(x509.load_pem_x509_certificate((made / "keys" / "trust.pem").read_bytes()))


def test_endpoints_json_is_one_object_and_nothing_else(made: Path) -> None:
    done = process("endpoints", "--json", cwd=made)
    assert (done.returncode, done.stderr) == (0, "")
    described = json.loads(done.stdout)
    assert described["home_community_id"].startswith("urn:oid:2.25.")
    for key in ("repository_unique_id", "assigning_authority"):
        assert described[key].startswith("2.25.")
    assert described["mllp"] == "localhost:23452"
    assert described["endpoints"]["iti-18"].startswith("https://localhost:23451/")
    assert {"iti-18", "iti-38", "iti-39", "iti-41", "iti-42", "iti-43"} <= described["endpoints"].keys()
    for path in described["tls"].values():
        assert Path(path).is_absolute()
        assert Path(path).is_file()


def test_export_names_the_certificate_and_no_key(made: Path) -> None:
    done = process("endpoints", "--export", "--dir", str(made))
    exported = json.loads(done.stdout)
    assert done.returncode == 0
    assert "PRIVATE" not in done.stdout
    assert set(exported["endpoints"]) == {
        "audit",
        "directory",
        "iti-38",
        "iti-39",
        "iti-41-xdr",
        "iti-52-gateway",
        "iti-53",
        "iti-55",
        "iti-56",
        "iti-92-gateway",
        "locations",
    }
    assert len(exported["fingerprint"]) == 64


def test_check_of_a_development_node(made: Path) -> None:
    done = process("check", "--dir", str(made))
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert all(line.startswith(("OK  ", "WARN", "      next: ")) for line in lines)
    assert any("development node" in line for line in lines)
    warnings = [index for index, line in enumerate(lines) if line.startswith("WARN")]
    assert all(lines[index + 1].startswith("      next: ") for index in warnings)


def test_check_finds_an_open_key_and_a_missing_one(made: Path) -> None:
    key, other = made / "keys" / "ledger.key", made / "keys" / "subject.key"
    key.chmod(0o444)
    moved = other.rename(made / "subject.key")
    try:
        done = command("check", "--json", "--dir", str(made))
        findings = json.loads(done.stdout)["findings"]
        failed = [finding for finding in findings if finding["level"] == "FAIL"]
        assert done.returncode == 1
        assert [finding["subject"] for finding in failed] == ["keys", "keys"]
        assert f"chmod 0400 {key}" in failed[0]["next_step"]
    finally:
        key.chmod(0o400)
        moved.rename(other)


def test_patients_and_clients_without_a_running_node(made: Path, tmp_path: Path) -> None:
    first = json.loads(process("patient", "add", "4711", "--dir", str(made), "--json").stdout)
    again = json.loads(command("patient", "add", "4711", "--dir", str(made), "--json").stdout)
    assert (first["new"], again["new"]) == (True, False)
    assert first["patient"].startswith("4711^^^&2.25.")
    assert command("patient", "add", "815", "--dir", str(made)).returncode == 0
    assert command("patient", "merge", "4711", "815", "--dir", str(made)).returncode == 0
    shown = json.loads(command("patient", "show", "815", "--dir", str(made), "--json").stdout)
    assert shown["subsumed_by"] == first["patient"]
    refused = process("patient", "merge", "4711", "815", "--dir", str(made))
    assert refused.returncode == 1
    assert "error patient.already-subsumed" in refused.stderr
    assert command("patient", "unmerge", "815", "--dir", str(made)).returncode == 0
    foreign = command("patient", "add", "1^^^&2.999.9&ISO", "--dir", str(made))
    assert (foreign.returncode, "error patient.other-authority" in foreign.stderr) == (1, True)

    client = json.loads(
        command("client", "add", "ward 7", "--json", "--dir", str(made), "--output", str(tmp_path / "c")).stdout
    )
    assert Path(client["client_key"]).read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert stat.S_IMODE(os.stat(client["client_key"]).st_mode) == 0o400
    assert "ward 7" in command("client", "list", "--dir", str(made)).stdout
    twice = command("client", "add", "ward 7", "--dir", str(made), "--output", str(tmp_path / "d"))
    assert (twice.returncode, (tmp_path / "d").exists()) == (1, False)
    assert command("client", "revoke", "ward 7", "--dir", str(made)).returncode == 0
    assert command("client", "revoke", "ward 7", "--dir", str(made)).returncode == 1
    assert command("document", "quarantine", "2.25.404", "--dir", str(made)).returncode == 1


def test_without_dev_there_is_a_request_and_check_says_what_is_missing(tmp_path: Path) -> None:
    done = command(
        "init", "--dir", str(tmp_path / "n"), "--name", "St. Mary", "--host", "node.stmary.example", "--home", "2.999.4"
    )
    assert done.returncode == 0, done.stderr
    keys = tmp_path / "n" / "keys"
    request = x509.load_pem_x509_csr((keys / "tls.csr").read_bytes())
    assert request.is_signature_valid
    assert not (keys / "tls.pem").exists()
    described = json.loads(command("endpoints", "--json", "--dir", str(tmp_path / "n")).stdout)
    assert described["home_community_id"] == "urn:oid:2.999.4"
    assert described["endpoints"]["iti-41"].startswith("https://node.stmary.example:8001/")
    assert "mllp" not in described
    checked = command("check", "--dir", str(tmp_path / "n"))
    assert checked.returncode == 1
    assert "xdsnode federation join INVITATION --certificate FILE" in checked.stdout
    assert "tls.csr" in checked.stdout
    served = process("serve", "--dir", str(tmp_path / "n"))
    assert (served.returncode, "error tls.certificate" in served.stderr) == (1, True)
    exported = command("endpoints", "--export", "--dir", str(tmp_path / "n"))
    assert (exported.returncode, exported.stdout) == (1, "")


def test_a_certificate_of_an_own_ca_is_put_beside_its_key(tmp_path: Path) -> None:
    """Without a federation, as `check` and the README say."""
    node = tmp_path / "n"
    assert command("init", "--dir", str(node), "--name", "St. Mary", "--host", "node.stmary.example").returncode == 0
    keys = node / "keys"
    told = command("check", "--dir", str(node)).stdout
    assert "without a federation put the certificate, and what leads to its CA, there yourself" in told
    assert f"there is no {keys / 'trust.pem'}" in told
    ca = Authority.create("Region CA", now=NOW, development=False)
    key = requested_key((keys / "tls.csr").read_bytes())
    issued = ca.issue("St. Mary", key, now=NOW, hosts=["node.stmary.example"])
    (keys / "tls.pem").write_text(to_pem([issued]))
    (keys / "trust.pem").write_text(ca.pem)
    checked = command("check", "--dir", str(node))
    assert (checked.returncode, "FAIL" in checked.stdout) == (0, False), checked.stdout
    exported = json.loads(command("endpoints", "--export", "--dir", str(node)).stdout)
    assert exported["certificates"]


@pytest.mark.parametrize("name", ["blob.key", "tls.key"])
def test_a_key_that_is_gone_is_named_with_what_to_do(made: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(made, node := tmp_path / "node")
    (node / "keys" / name).unlink()
    served = process("serve", "--dir", str(node))
    assert (served.returncode, "error keys\n" in served.stderr) == (2, True), served.stderr
    assert name in served.stderr
    assert "put it back" in served.stderr


def test_init_never_overwrites(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    again = process("init", "--dir", str(made), "--name", "Another", "--dev")
    assert (again.returncode, "error init.exists" in again.stderr) == (2, True)
    assert before == {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}


def test_service_prints_a_unit(made: Path) -> None:
    done = command("init", "--service", "--dir", str(made))
    assert done.returncode == 0
    assert f"serve --dir {made}" in done.stdout
    assert "NoNewPrivileges=yes" in done.stdout


def test_status_without_a_node_is_unreachable(made: Path) -> None:
    done = process("status", "--dir", str(made))
    assert (done.returncode, "error node.not-running" in done.stderr) == (3, True)


def test_find_without_a_node_is_unreachable(made: Path) -> None:
    done = process("find", "--patient", "1", "--dir", str(made))
    assert (done.returncode, "error node.unreachable" in done.stderr) == (3, True)


def test_a_node_of_an_older_version_gets_what_it_lacks(made: Path, tmp_path: Path) -> None:
    """The key for assertions about its users is made at the first opportunity, and never another one."""
    import shutil

    older = tmp_path / "older"
    shutil.copytree(made, older)
    key, shown = older / "keys/assertion.key", older / "keys/assertion.pem"
    key.unlink()
    shown.unlink()
    assert "assertions" not in json.loads(command("endpoints", "--export", "--dir", str(older)).stdout)
    assert command("patient", "add", "1", "--dir", str(older)).returncode == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    first = shown.read_text()
    assert command("patient", "add", "2", "--dir", str(older)).returncode == 0
    assert shown.read_text() == first
    (said,) = json.loads(command("endpoints", "--export", "--dir", str(older)).stdout)["assertions"]
    assert said["certificates"] == first
    key.rename(key.with_name("elsewhere"))
    assert command("patient", "add", "3", "--dir", str(older)).returncode == 0
    assert (key.exists(), shown.read_text()) == (False, first), "others know its certificate: the key is to be put back"
    assert "assertion.key" in command("check", "--dir", str(older)).stdout
