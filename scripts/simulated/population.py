"""The communities of a simulated federation: made once in a folder, found there again, and added to real nodes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from node.administration.orders import Order, node_object
from node.administration.peers import add
from node.commands.execution import execute
from node.configuration.config import Config, load
from node.discovery.duty import LOCATOR, Duty
from node.lock import Locked, exclusive
from node.services import open_services
from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom
from registry.patients.location import words_of
from scripts.simulated.behaviours import KINDS
from tests.end_to_end.wire import Document
from tests.simulator.community import Community, Keys
from tests.simulator.discovery import Person
from trust.communities import Community as Described
from trust.communities import export, read_export
from trust.community_store import Communities
from trust.pki import authority
from trust.pki.certificates import fingerprint_of, to_pem

MOST = 10_000
ENDPOINTS = ("iti-38", "iti-39", "iti-55", "iti-56", "locations")
AUTHORITIES = "2.999.5003"  # assigning authorities lie below it
PERSON = frozenset({"family", "given", "birth", "sex", "street", "city", "phone"})
AT_ONCE = 100  # communities that are added in one commit


@dataclass
class Member:
    """One simulated community: how it is described, how it behaves, and itself."""

    described: Described
    word: str
    period: float
    community: Community

    def behave(self) -> None:
        """As its word says."""
        make = KINDS[self.word].make
        if make is not None:
            self.community.behaves(make(self.period))


def members(
    folder: Path,
    ca: Path,
    base: int,
    mix: Sequence[tuple[str, float]],
    *,
    first_arc: int = 1,
    locators: int = 0,
    apart: bool = False,
) -> list[Member]:
    """Communities with the ports `base` and up, with certificates of the development authority in `ca`.

    The last `locators` of the truthful ones accept to be locators. `apart`: each has an assigning authority of its own.
    What lies in `folder` from another time is used again, so that a node that was told once still knows them.
    """
    now = datetime.now(UTC)
    issuer = authority.open_authority(ca, "Development CA: not for patients", now=now, development=True)
    folder.mkdir(parents=True, exist_ok=True)
    anchors = folder / "trust.pem"
    anchors.write_text(issuer.pem)
    able = [place for place, (word, _) in enumerate(mix) if word == "truthful"]
    duty = set(able[len(able) - locators :])
    found = []
    for place, (word, period) in enumerate(mix):
        arc = first_arc + place
        described = Described(
            home=f"urn:oid:2.999.5000.{arc}",
            name=f"Simulated {arc:05}",
            endpoints={key: f"https://localhost:{base + place}/{key}" for key in ENDPOINTS},
            certificates="",
            fingerprint="",
            assigning_authority=f"{AUTHORITIES}.{arc}" if apart else "",
            repository_unique_ids=(f"2.999.5001.{arc}",),
            capabilities=(LOCATOR,) if place in duty else (),
        )
        found.append(_member(folder / f"{place:05}", issuer, anchors, described, base + place, word, period))
    return found


def _member(
    path: Path,
    issuer: authority.Authority,
    anchors: Path,
    wanted: Described,
    port: int,
    word: str,
    period: float,
) -> Member:
    description, pem = path.with_suffix(".json"), path.with_suffix(".pem")
    now = datetime.now(UTC)
    kept = read_export(description.read_text(), now=now, development=True) if description.exists() else None
    if kept is None or kept != replace(wanted, certificates=kept.certificates, fingerprint=kept.fingerprint):
        key = authority.new_key()
        certificate = issuer.issue(wanted.name, key.public_key(), now=now, hosts=authority.DEVELOPMENT_HOSTS)
        pem.touch(mode=0o600)
        pem.write_bytes(authority.key_pem(key) + to_pem([certificate]).encode())
        kept = replace(wanted, certificates=to_pem([certificate]), fingerprint=fingerprint_of(certificate))
        description.write_text(export(kept))
    described = kept
    community = Community(described.home, Keys(pem, pem, anchors), repository=described.repository_unique_ids[0])
    community.keep_requests, community.port = False, port
    member = Member(described, word, period, community)
    member.behave()
    return member


def give(
    population: Sequence[Member], patient: str, known: int, documents: int, person: Mapping[str, str] | None = None
) -> list[str]:
    """Let the first `known` of those that can answer hold documents of `patient`; their homeCommunityIds.

    With `person` (family, given, birth, sex, street, city, phone) each knows them under an identifier of its own. The
    locators are told of it, as holders would.
    """
    holders = [member for member in population if KINDS[member.word].make and member.word != "lying"][:known]
    locators = {member.described.home: member for member in population if LOCATOR in member.described.capabilities}
    duty = Duty("", tuple(sorted(locators)))
    for member in holders:
        arc = member.described.home.rpartition(".")[2]
        known_as = patient
        if person is not None:
            somebody = Person(root=f"{AUTHORITIES}.{arc}", extension=f"P-{arc}", **person)
            member.community.locating.people.append(somebody)
            known_as = somebody.cx
        for token in map(duty.token, words_of(_demographics(known_as, person))) if duty.exists else ():
            located = locators[duty.locator(token)].community.locating.located
            located.setdefault(token.hex(), []).append(member.described.home)
        member.community.holds(
            known_as,
            *(
                Document(
                    f"document {k + 1} of {member.described.name}\n".encode(), unique_id=f"2.999.5002.{arc}.{k + 1}"
                )
                for k in range(documents)
            ),
        )
    return [member.described.home for member in holders]


def _demographics(patient: str, person: Mapping[str, str] | None) -> Demographics:
    if person is None:
        return Demographics(identifiers=(Identifier.of(patient),))
    return Demographics(
        identifiers=(Identifier.of(patient),),
        names=(Name(family=person["family"], given=(person["given"],)),),
        birth_date=BirthDate(value=person["birth"]),
        addresses=(Address(city=person["city"]),) if "city" in person else (),
        telecoms=(Telecom(value=person["phone"]),) if "phone" in person else (),
    )


async def start(population: Sequence[Member]) -> None:
    """Listen, each on its port; the dead ones do not."""
    for member in population:
        if KINDS[member.word].make is not None:
            await member.community.start(member.community.port)


async def stop(population: Sequence[Member]) -> None:
    """End every listener."""
    await asyncio.gather(*(member.community.stop() for member in population))


def connect(folder: Path, population: Sequence[Member]) -> int:
    """Add every community to a node that does not know it yet; how many were added.

    A running node is told one by one, as `peer add` does. One that does not run takes a hundred in each commit.
    """
    config = load(folder)
    try:
        with exclusive(config.folder):
            return asyncio.run(_add_all(config, population))
    except Locked:
        known = {one["home_community_id"] for one in execute(config, "peer list", {})["peers"]}
        missing = [member.described for member in population if member.described.home not in known]
        for described in missing:
            execute(config, "peer add", _arguments(described))
        return len(missing)


async def _add_all(config: Config, population: Sequence[Member]) -> int:
    async with open_services(config) as services:
        missing = [one.described for one in population if services.communities.get(one.described.home) is None]
        if missing:  # the first as any other, so that what `peer add` refuses is refused here too
            await add(
                Order(services=services, command="peer add", arguments=_arguments(missing[0]), operator="simulated")
            )
        for begin in range(1, len(missing), AT_ONCE):
            part = missing[begin : begin + AT_ONCE]
            order = Order(services=services, command="peer add", arguments={}, operator="simulated")

            def work(connection, part=part, order=order):  # type: ignore[no-untyped-def]
                for described in part:
                    Communities.add(connection, described, services.clock())
                objects = [node_object(described.name, described.fingerprint) for described in part]
                return None, [order.security_record("simulated peers added", *objects)]

            await order.change(work)
        return len(missing)


def _arguments(described: Described) -> Mapping[str, object]:
    return {"export": export(described), "fingerprint": described.fingerprint, "clearance": "N"}


def summary(population: Sequence[Member]) -> str:
    """How many of each kind, as JSON: the first line that a program reads."""
    counts: dict[str, int] = {}
    for member in population:
        counts[member.word] = counts.get(member.word, 0) + 1
    return json.dumps({"communities": len(population), **counts})
