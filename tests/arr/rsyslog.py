"""Debian's rsyslogd as Audit Record Repository: syslog over TLS with client certificates, every message into a file."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from trust.pki.authority import NODE, Authority, key_pem, new_key
from trust.pki.certificates import to_pem

CONFIGURATION = """\
global(workDirectory="{folder}" maxMessageSize="1m" parser.escapeControlCharactersOnReceive="off"
       defaultNetstreamDriver="{driver}" defaultNetstreamDriverCAFile="{folder}/ca.pem"
       defaultNetstreamDriverCertFile="{folder}/arr.pem" defaultNetstreamDriverKeyFile="{folder}/arr.key")
module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="raw" type="string" string="%rawmsg%\\n")
action(type="omfile" file="{file}" template="raw")
"""


def missing() -> str:
    """What is not installed, "" when all is there."""
    if shutil.which("rsyslogd", path="/usr/sbin:/usr/bin:/sbin") is None:
        return "rsyslogd is not installed (apt-get install rsyslog rsyslog-openssl)"
    return "" if driver() else "rsyslog has no TLS driver (apt-get install rsyslog-openssl)"


def driver() -> str:
    """The TLS driver that is installed."""
    names = [path.name for path in Path("/usr/lib").glob("*/rsyslog/lmnsd_*.so")]
    return "ossl" if "lmnsd_ossl.so" in names else "gtls" if "lmnsd_gtls.so" in names else ""


@dataclass
class Rsyslog:
    """One rsyslogd on a fixed port. Each start writes into a file of its own: a kill may cut the last line."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    files: list[Path] = field(default_factory=list)

    def certify(self, authority: Authority, now: object) -> Rsyslog:
        key = new_key()
        self.folder.mkdir()
        certificate = authority.issue("ARR", key.public_key(), now=now, usages=NODE, hosts=["localhost", "127.0.0.1"])
        (self.folder / "arr.pem").write_text(to_pem([certificate]))
        (self.folder / "arr.key").write_bytes(key_pem(key))
        (self.folder / "ca.pem").write_text(authority.pem)
        return self

    def start(self) -> Rsyslog:
        self.files.append(self.folder / f"messages-{len(self.files) + 1}")
        configuration = self.folder / "rsyslog.conf"
        text = CONFIGURATION.format(folder=self.folder, driver=driver(), port=self.port, file=self.files[-1])
        configuration.write_text(text)
        pid = self.folder / "rsyslogd.pid"
        pid.unlink(missing_ok=True)  # a killed one left it behind
        with (self.folder / "rsyslogd.log").open("ab") as log:
            command = ["/usr/sbin/rsyslogd", "-n", "-f", str(configuration), "-i", str(pid)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError((self.folder / "rsyslogd.log").read_text()[-2000:])

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def lines(self) -> list[bytes]:
        """Every message of every run; what a kill cut off is no line."""
        return [
            line for file in self.files if file.exists() for line in file.read_bytes().split(b"\n")[:-1] if line.strip()
        ]
