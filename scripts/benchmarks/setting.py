"""What the cases share: the node under measurement, the controls beside it, and the bytes both of them handle."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from scripts.benchmarks import requests
from scripts.benchmarks.controls import find_nginx, nginx_configuration
from scripts.benchmarks.metadata import PER_PATIENT, find_documents, patient_id
from scripts.benchmarks.stage import Stage, filled, staged
from scripts.benchmarks.workshop import Aim, BenchError, Server, Workshop
from scripts.demonstration.processes import xdsnode

SOAP: Final = "application/soap+xml; charset=UTF-8"
TEN_MB: Final = 10 << 20
SMALL_REQUEST: Final = 2500  # a query; the same size goes to the control


@dataclass(slots=True)
class Setting:
    """A filled node and the sizes of this run."""

    workshop: Workshop
    documents: int
    seconds: float  # of a slice
    report: Callable[[str], None]
    _stage: Stage | None = None
    _controls: Server | None = None
    _files: dict[str, Path] = field(default_factory=dict)

    @property
    def patients(self) -> int:
        """How many patients the filled node has."""
        return self.documents // PER_PATIENT

    def source(self) -> Path:
        """The kept, filled node; nothing writes into it."""
        return filled(self.workshop, self.documents)

    @property
    def stage(self) -> Stage:
        """The node under measurement, everything on."""
        if self._stage is None:
            self._stage = staged(self.workshop, self.source(), "node").start()
        return self._stage

    def file(self, name: str, content: bytes) -> Path:
        """Keep bytes in the folder of the run."""
        path = self.workshop.folder / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def ten_megabytes(self) -> Path:
        """Random bytes, made once a run."""
        if "ten" not in self._files:
            self._files["ten"] = self.file("ten-megabytes", os.urandom(TEN_MB))
        return self._files["ten"]

    def query(self) -> bytes:
        """ITI-18 for any patient."""
        return requests.stored_query(self.stage.path("iti-18"), find_documents(requests.ANY_PATIENT))

    @property
    def controls(self) -> Server:
        """The control servers, answering the very bytes that the node answers."""
        if self._controls is None:
            answer = self.workshop.load(
                self.stage.tls, {"sample": Aim(self.stage.server, self.query(), 1)}, self.patients
            )
            sample = answer["sample"].once()
            if sample["status"] != 200:
                raise BenchError(f"the node answers a query with HTTP {sample['status']}; see {sample['body']}")
            port = self.workshop.ports()
            spec: dict[str, Any] = {
                "port": port,
                **self._certificates(),
                **{"answer": sample["body"], "small": str(self.file("small", b"<ok/>" * 160))},
                **{"file": str(self.ten_megabytes()), "content_type": SOAP},
            }
            lines = self.workshop.module("controls", json.dumps(spec), reads=True)
            self._controls = Server(port, lines.process)
        return self._controls

    def bare(self) -> Server:
        """Parser, database, compression and TLS without a node, over the database of the node under measurement."""
        spec = {
            "port": self.workshop.ports(),
            **self._certificates(),
            **{"database": str(self.stage.folder / "data" / "node.db"), "content_type": SOAP},
        }
        lines = self.workshop.module("bare", json.dumps(spec), reads=True)
        return Server(spec["port"], lines.process)

    def nginx(self) -> Server | None:
        """nginx with the 10 MB file, where there is one."""
        program = find_nginx()
        if program is None:
            return None
        folder = self.workshop.folder / "work" / "nginx"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        port, root = self.workshop.ports(), self.ten_megabytes().parent
        config = nginx_configuration(folder, port, root=root, **self._certificates())
        process = self.workshop.start([program, "-p", str(folder), "-c", str(config)], log="nginx")
        time.sleep(0.5)
        if process.poll() is not None:
            raise BenchError(f"nginx did not start; see {self.workshop.folder}/nginx.log")
        return Server(port, process)

    def patient(self) -> str:
        """A patient that the node knows."""
        return patient_id(0)

    def _certificates(self) -> dict[str, str]:
        """What a control shows, and whom it lets in: as the node, also the clients that the node's own CA made."""
        keys = self.stage.folder / "keys"
        anchors = [
            path.read_bytes() for path in (keys / "trust.pem", keys / "applications" / "ca.pem") if path.exists()
        ]
        trusted = self.file("anchors.pem", b"\n".join(anchors))
        return {"cert": str(keys / "tls.pem"), "key": str(keys / "tls.key"), "ca": str(trusted)}

    def submit(self, path: Path, unique_id: str) -> None:
        """Give the node a document."""
        folder = str(self.stage.folder)
        xdsnode("submit", "--dir", folder, "--patient", self.patient(), "--unique-id", unique_id, str(path))
