"""The directory in force at this node: how another one takes its place, how the node keeps up.

Every node asks one other each round; what the signer makes is pushed to all as well. Whatever comes, from wherever,
goes through `accept`: the bytes are signed, so it does not matter who brings them.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final

from node.configuration.config import Config
from node.discovery.duty import Duty, of_directory, of_peers
from node.exchange import Actors
from node.faults import refused
from node.federation.client import PeerClient, PeerFault
from node.membership.signer import is_signer, next_version, settle_rotation
from node.security_records import SECURITY_CONFIGURATION, activity, alarm
from trust.audit.event import Action, EventId, NewRecord
from trust.communities import Community
from trust.community_store import Communities
from trust.directory import store
from trust.directory.content import Content
from trust.directory.directory import MOST_BYTES, Directory, Pin, Reason, Refusal, accept, standing
from trust.directory.members import members_of

log = logging.getLogger("node.membership")

SIGN_AGAIN: Final = timedelta(days=1)
_SECONDS: Final = 10.0  # that one node has to answer
_AT_ONCE: Final = 32
_SMALL: Final = 64  # members, up to which all ask the signer itself
_MOST_REMEMBERED: Final = 1000
_MOST_NAMED: Final = 20

Also = Callable[[sqlite3.Connection], Sequence[NewRecord]]


class Membership:
    """What this node knows of its federation. `applied` is called after each change of the communities."""

    def __init__(
        self, config: Config, actors: Actors, communities: Communities, client: PeerClient, own: Callable[[], str]
    ) -> None:
        """`own` gives the fingerprint of this node's certificate, "" when it has none."""
        self.config = config
        self.actors = actors
        self.communities = communities
        self.client = client
        self.own = own
        self.applied: Callable[[], None] = lambda: None
        self.serving = False
        self.directory: Directory | None = store.in_force(actors.reader)
        self.faults: Mapping[str, str] = {}
        self.offers: dict[str, float] = {}  # when a member last changed what it offers, on the loop's clock
        self._duty: tuple[Directory | None, Duty] = (None, Duty())
        self._lock = asyncio.Lock()
        self._refused: set[bytes] = set()
        self._warned = ""
        self._pushing: set[asyncio.Task[None]] = set()

    def barred(self, home: str) -> str:
        """Why nothing may be exchanged with this community: the directory that lists it has ended."""
        directory = self.directory
        if directory is None or self.actors.clock() < directory.expires:
            return ""
        community = self.communities.get(home)
        if community is None or community.federation != directory.federation:
            return ""
        return f"is not asked or answered: the directory of the federation ended on {directory.expires:%Y-%m-%d %H:%MZ}"

    def duty(self) -> Duty:
        """Who is a locator (ITI-56): what the directory says, else what those say who were connected one by one."""
        directory = self.directory
        if directory is None:
            own, accepts = self.config.node.home_community_id, self.config.federation.locator
            return of_peers(own, self.communities.all(), accepts=accepts)
        if self._duty[0] is not directory:
            self._duty = (directory, of_directory(directory.federation, directory.content))
        return self._duty[1]

    @property
    def etag(self) -> str:
        """Of the directory in force, for HTTP."""
        return f'"{self.directory.version}-{self.directory.digest[:32]}"' if self.directory else ""

    async def join(self, pin: Pin, data: bytes, what: str, also: Also = lambda _: ()) -> Directory:
        """Put the first directory of a federation in force.

        Raises:
            Faults: there is one already, or this one is not acceptable.
        """
        async with self._lock:
            if self.directory is not None:
                step = "leave it first: xdsnode federation leave"
                raise refused("federation.member", self.directory.content.name, "this node is a member already", step)
            found = await asyncio.to_thread(accept, pin, data, self.actors.clock())
            if isinstance(found, Refusal):
                step = "do not join; ask the other administrator for a new invitation"
                raise refused(f"federation.{found.reason}", pin.federation, found.text, step)
            await self._put_in_force(found, what, also)
            return found

    async def offer(self, data: bytes, source: str, *, lagging: bool = False) -> Directory | Refusal | None:
        """What somebody offers as the directory of the federation. None when this node is in no federation.

        `lagging`: an older one is no attack: other members may be behind.
        """
        async with self._lock:
            if self.directory is None:
                return None
            found = await asyncio.to_thread(accept, self.directory, data, self.actors.clock())
            if isinstance(found, Refusal):
                if not (lagging and found.reason is Reason.ROLLED_BACK):
                    await self._refuse(found, data, source)
                return found
            if found is not self.directory:
                await self._put_in_force(found, f"directory from {source}")
            return found

    async def change(
        self, edit: Callable[[Content], Content], what: str, also: Also = lambda _: (), *, rotate: bool = False
    ) -> Directory:
        """Sign the next version, put it in force here, and have every member told.

        Raises:
            Faults: this node is in no federation, does not sign, or its clock is behind.
        """
        async with self._lock:
            current = self.required()
            now = self.actors.clock()
            data = next_version(self.config.folder, current, edit(current.content), now, rotate=rotate)
            found = await asyncio.to_thread(accept, current, data, now)
            if isinstance(found, Refusal):
                step = "compare this machine's clock with the time; correct what the cause names"
                raise refused(f"federation.{found.reason}", current.content.name, found.text, step)
            await self._put_in_force(found, what, also)
            settle_rotation(self.config.folder, found)
        self.push_soon()
        return found

    def required(self) -> Directory:
        """The directory in force.

        Raises:
            Faults: there is none.
        """
        if self.directory is None:
            step = "make one: xdsnode federation create NAME, or join one: xdsnode federation join INVITATION"
            raise refused("federation.none", self.config.node.name, "this node is in no federation", step)
        return self.directory

    async def leave(self, what: str) -> Sequence[str]:
        """Forget the federation: its communities are not connected any more. Their names."""
        async with self._lock:
            directory = self.required()

            def work(connection: sqlite3.Connection) -> tuple[Sequence[str], Sequence[NewRecord]]:
                return store.forget(connection, directory.federation), [self.record(what)]

            gone, _ = await self.actors.sequencer.transact(work)
            self.directory, self.faults = None, {}
            self.applied()
            return gone

    async def _put_in_force(self, found: Directory, what: str, also: Also = lambda _: ()) -> None:
        node, now = self.config.node, self.actors.clock()
        members = await asyncio.to_thread(
            members_of,
            found,
            now=now,
            own_home=node.home_community_id,
            development=node.development,
            permitted=self.config.federation.permitted_hosts,
        )

        def work(connection: sqlite3.Connection) -> tuple[store.Taken, Sequence[NewRecord]]:
            taken = store.take(connection, found, members, now)
            return taken, [self.record(f"{what}: {_told(found, taken)}"), *also(connection)]

        taken, _ = await self.actors.sequencer.transact(work)
        self.directory = found
        for home, fault in taken.faults.items():
            if fault != self.faults.get(home):
                log.warning("a member of the directory is not connected", extra={"community": home, "reason": fault})
                self.actors.alarm("directory-member")
        self.faults = taken.faults
        self.applied()

    def record(self, what: str) -> NewRecord:
        """The audit record of a change of the membership."""
        node = self.config.node
        return activity(
            self.actors.clock(),
            node=node.home_community_id,
            user=node.name,
            type_=SECURITY_CONFIGURATION,
            event_id=EventId.SECURITY_ALERT,
            action=Action.UPDATE,
            what=what,
        )

    async def _refuse(self, refusal: Refusal, data: bytes, source: str) -> None:
        """An alarm and a record, once for the same bytes from the same place."""
        mark = sha256(source.encode() + b"\n" + data).digest()
        if mark in self._refused:
            return
        if len(self._refused) >= _MOST_REMEMBERED:
            self._refused.clear()
        self._refused.add(mark)
        await self.warn(f"directory-{refusal.reason}", f"a directory from {source} was refused: {refusal.text}")

    async def warn(self, name: str, what: str) -> None:
        """An alarm with its text, on record at once."""
        await self.actors.sequencer.record([self.alarm(name, what)])

    def alarm(self, name: str, what: str) -> NewRecord:
        """Raise an alarm; its record is for the caller to make durable."""
        actors = self.actors
        actors.metrics.alarms.labels(name).inc()
        log.error("alarm", extra={"code": name})
        home = self.config.node.home_community_id
        return alarm(actors.clock(), incident=actors.new_uuid(), node=home, name=name, what=what)

    async def round(self) -> None:
        """One round of keeping up: sign again when it is time, else ask one other node; warn long before the end."""
        directory = self.directory
        if directory is None:
            return
        if is_signer(self.config.folder):
            if self.actors.clock() - directory.issued > SIGN_AGAIN:
                await self.change(lambda content: content, "directory signed again")
        else:
            await self._ask(directory)
        await self._watch()

    async def _ask(self, directory: Directory) -> None:
        able = [one for one in self.communities.all() if one.federation == directory.federation and url_of(one)]
        publishers = [one for one in able if one.home in directory.content.publishers]
        if not able:
            return
        # In a large federation each node asks any other, so that nobody is asked by all.
        small = len(able) <= _SMALL or secrets.randbelow(10) == 0
        target = secrets.choice(publishers if publishers and small else able)
        try:
            async with asyncio.timeout(_SECONDS):
                status, _, body = await self.client.plain(
                    target, "GET", url_of(target), most=MOST_BYTES, headers={"If-None-Match": self.etag}
                )
        except (PeerFault, TimeoutError) as problem:
            log.info(
                "the directory could not be asked for", extra={"community": target.name, "reason": str(problem)[:100]}
            )
            return
        if status == 200:
            await self.offer(body, target.name, lagging=target not in publishers)

    async def _watch(self) -> None:
        directory = self.required()
        now = self.actors.clock()
        self.actors.metrics.directory_days.set((directory.expires - now).total_seconds() / 86_400)
        state = standing(directory, now)
        if state and state != self._warned:
            await self.warn(
                f"directory-{state}", f"version {directory.version}, to {directory.expires:%Y-%m-%d %H:%MZ}"
            )
        self._warned = state

    def push_soon(self) -> None:
        """Tell every member, without waiting for it."""
        if self.serving:
            task = asyncio.get_running_loop().create_task(self._push_quietly())
            self._pushing.add(task)
            task.add_done_callback(self._pushing.discard)

    async def _push_quietly(self) -> None:
        await self.push()

    async def push(self) -> Mapping[str, bool]:
        """Give the directory in force to every member: by name, whether it has it now."""
        directory = self.required()
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(community: Community) -> bool:
            async with gate:
                try:
                    async with asyncio.timeout(_SECONDS):
                        status, _, _ = await self.client.plain(
                            community,
                            "POST",
                            url_of(community),
                            directory.text,
                            content_type="application/json",
                            most=4096,
                        )
                except (PeerFault, TimeoutError):
                    return False
                return status == 204

        able = [one for one in self.communities.all() if one.federation == directory.federation and url_of(one)]
        told = await asyncio.gather(*map(one, able))
        return dict(zip((community.name for community in able), told, strict=True))


def url_of(community: Community) -> str:
    """Where a community gives and takes the directory, "" when it says nothing of it."""
    return community.endpoints.get("directory", "")


def _told(found: Directory, taken: store.Taken) -> str:
    parts = [f"version {found.version} of {found.content.name}, {len(found.content.members)} members"]
    for word, names in (("connected", taken.added), ("disconnected", taken.removed), ("faults", list(taken.faults))):
        if names:
            parts.append(f"{word} {len(names)}: {', '.join(names[:_MOST_NAMED])}")
    return "; ".join(parts)
