"""Certificates good and bad, a clock that can be set, a node's key folder, and a small server behind the node's TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import sqlite3
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from trust.directory import tables as directory_tables
from trust.errors import NotAuthenticated
from trust.identity.caller import Role
from trust.pki.authority import APPLICATION, DEVELOPMENT_HOSTS, NODE, Authority, new_key
from trust.pki.bindings import Binding, Bindings, timestamp
from trust.pki.certificates import fingerprint_of, to_der, to_pem
from trust.pki.contexts import NodeTls, TlsFiles
from trust.pki.tables import metadata

# Handshakes are judged by OpenSSL against the machine's clock, so the tests live in the present.
NOW = datetime.now(UTC).replace(microsecond=0)
SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
HOME_A, HOME_B = "urn:oid:2.999.1", "urn:oid:2.999.2"


@dataclass
class Clock:
    """The node's clock: stands still, and is moved by hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Issued:
    """A certificate with its key, as files a client can use."""

    certificate: x509.Certificate
    key: object
    chain: list[x509.Certificate] = field(default_factory=list)

    @property
    def der(self) -> bytes:
        return to_der(self.certificate)

    @property
    def pem(self) -> str:
        return to_pem([self.certificate])

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.certificate)

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_text(to_pem([self.certificate, *self.chain]))
        key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(chain), str(key)


def crooked(
    issuer: Authority,
    *,
    name: str = "crooked",
    key: object = None,
    eku: Sequence[x509.ObjectIdentifier] | None = (CLIENT, SERVER),
    ca: bool | None = False,
    cert_sign: bool = False,
    digital_signature: bool = True,
    names: Sequence[x509.GeneralName] = (),
    start: datetime = NOW - timedelta(hours=1),
    end: datetime = NOW + timedelta(days=30),
    algorithm: hashes.HashAlgorithm | None = None,
    extra: Sequence[tuple[x509.ExtensionType, bool]] = (),
    path_length: int | None = None,
) -> Issued:
    """Any certificate at all, signed by `issuer`: each argument is one way to be wrong."""
    key = key or new_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    usage = x509.KeyUsage(digital_signature, False, False, False, not digital_signature, cert_sign, False, False, False)
    builder = builder.add_extension(usage, critical=True)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    if eku is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    own = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical=critical)
    return Issued(builder.sign(issuer.key, algorithm or hashes.SHA256()), key)


def authority(name: str = "Institution CA", *, development: bool = False, now: datetime = NOW) -> Authority:
    return Authority.create(name, now=now - timedelta(days=10), development=development)


def ca_below(issuer: Authority, name: str, *, key: object = None, path_length: int | None = None) -> Authority:
    """A CA certified by another one, whether that one may or not."""
    made = crooked(issuer, name=name, key=key, ca=True, cert_sign=True, eku=None, path_length=path_length)
    return Authority(made.certificate, made.key)


def address(text: str) -> x509.IPAddress:
    return x509.IPAddress(ipaddress.ip_address(text))


def unlimited_authority(name: str, *, key: object = None) -> Authority:
    """A root of somebody else's: without a path length, and with any key."""
    key = key or new_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=300))
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return Authority(builder.sign(key, hashes.SHA256()), key)


def application(issuer: Authority, name: str = "archive", now: datetime = NOW) -> Issued:
    key = new_key()
    return Issued(issuer.issue(name, key.public_key(), now=now, usages=APPLICATION), key)


def node_certificate(issuer: Authority, name: str = "node", hosts: Sequence[str] = DEVELOPMENT_HOSTS) -> Issued:
    key = new_key()
    return Issued(issuer.issue(name, key.public_key(), now=NOW, usages=NODE, hosts=hosts), key)


def database() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    dialect = create_engine("sqlite://").dialect
    for table in (*metadata.sorted_tables, *directory_tables.metadata.sorted_tables):
        connection.execute(str(CreateTable(table).compile(dialect=dialect)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    return connection


def binding(issued: Issued, **values: object) -> Binding:
    return Binding(
        **{
            "fingerprint": issued.fingerprint,
            "role": Role.APPLICATION,
            "name": "archive",
            "added": timestamp(NOW),
            "not_after": timestamp(issued.certificate.not_valid_after_utc),
            **values,
        }
    )


@dataclass
class House:
    """A node's keys on disk, its contexts, its records, and what its door saw."""

    folder: Path
    authority: Authority
    clock: Clock
    tls: NodeTls
    connection: sqlite3.Connection
    bindings: Bindings
    refusals: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    asked_names: list[str | None] = field(default_factory=list)
    closed: int = 0
    port: int = 0

    def bind(self, issued: Issued, **values: object) -> Issued:
        self.bindings.add(self.connection, binding(issued, **values))
        self.bindings.reload(self.connection)
        return issued

    def revocation_list(
        self,
        *revoked: Issued,
        issuer: Authority | None = None,
        days: int = 7,
        now: datetime = NOW,
        name: str = "list.crl",
    ) -> Path:
        rows = [(one.certificate.serial_number, now) for one in revoked]
        path = self.folder / name
        path.write_bytes((issuer or self.authority).crl(rows, now=now, days=days, number=1))
        return path

    @asynccontextmanager
    async def open(self, handshake_seconds: float = 10.0) -> AsyncIterator[House]:
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.tls.server, ssl_handshake_timeout=handshake_seconds
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer each line with the caller's name; judge the caller again for each line."""
        tls = writer.get_extra_info("ssl_object")
        self.asked_names.append(tls.asked_name)
        try:
            while line := await reader.readline():
                try:
                    caller = self.bindings.authenticate(tls.getpeercert(binary_form=True), "127.0.0.1", self.clock())
                except NotAuthenticated as fault:
                    self.refusals.append(str(fault))
                    return
                self.served.append(caller.name)
                writer.write(b"welcome " + caller.name.encode() + b": " + line)
                await writer.drain()
        except (ConnectionError, ssl.SSLError, ValueError):
            pass
        finally:
            self.closed += 1
            writer.close()


def house(
    folder: Path,
    *,
    ca: Authority | None = None,
    lists: Sequence[Path] = (),
    pinned: Sequence[str] = (),
    grace: timedelta = timedelta(hours=24),
    anchors: Sequence[x509.Certificate] = (),
    clock: Clock | None = None,
    own: Issued | None = None,
    own_authority: Authority | None = None,
) -> House:
    """A node that trusts `ca` (its institution's) and further `anchors`, and has an authority for applications."""
    ca = ca or authority()
    clock = clock or Clock()
    own = own or node_certificate(ca)
    chain, key = own.write(folder, "tls")
    trust = folder / "trust.pem"
    trust.write_text(to_pem([ca.certificate, *anchors]))
    applications = folder / "applications.pem"
    applications.write_text(own_authority.pem if own_authority else "")
    files = TlsFiles(
        chain=Path(chain),
        key=Path(key),
        anchors=(trust,),
        own=(applications,) if own_authority else (),
        lists=tuple(lists),
        grace=grace,
    )
    refusals: list[str] = []
    tls = NodeTls(files, clock=clock, pinned=pinned, refused=refusals.append)
    connection = database()
    bindings = Bindings(connection, lists=lambda: tls.lists)
    return House(folder, ca, clock, tls, connection, bindings, refusals)


def plain_client(house: House, issued: Issued | None, *, verify: bool = True) -> ssl.SSLContext:
    """What another system would use: OpenSSL's usual client, nothing of the node's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if verify:
        context.load_verify_locations(cadata=house.authority.pem)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if issued is not None:
        context.load_cert_chain(*issued.write(house.folder, f"client-{issued.fingerprint[:8]}"))
    return context
