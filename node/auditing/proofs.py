"""An entry's proof as it is published now, and in words; the published files of this node's log."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from node.database import open_reader
from trust.community_store import Communities
from trust.errors import LedgerBroken
from trust.ledger import hdn_verify
from trust.ledger.merkle import leaf_hash, verify_inclusion
from trust.ledger.shard_files import ShardFiles

if TYPE_CHECKING:
    from node.configuration.config import Config
    from trust.search.search import Found


def institutions(config: Config) -> dict[str, str]:
    """Names of this institution and of those connected, by homeCommunityId."""
    with contextlib.closing(open_reader(config.folder.database)) as reader:
        names = {one.home: one.name for one in Communities(reader).all()}
    return names | {config.node.home_community_id: config.node.name}


def proof_of(config: Config, found: Found, salt: bytes) -> dict[str, Any]:
    """The proof as it is published now: that a look at the log is put on record publishes what is committed."""
    files = ShardFiles(config.folder.audit / found.origin.rpartition("/")[2])
    if found.index >= files.size:
        return {"published": files.size}
    entry, proof = files.entry(found.index), files.proof(found.index)
    hash_ = leaf_hash(entry)
    if not verify_inclusion(found.index, files.size, hash_, proof, files.checkpoint.root):
        raise LedgerBroken(f"the published files do not prove entry {found.label}")
    signed, witnesses = _signers(files)
    if not signed:
        raise LedgerBroken(f"the checkpoint in {files.folder} is not signed by the log's key")
    return {
        "leaf": entry.hex(),
        "leaf_hash": hash_.hex(),
        "inclusion": [one.hex() for one in proof],
        "checkpoint": files.note.decode("utf-8"),
        "size": files.size,
        "commitment_holds": found.commits(entry, salt),
        "witnesses": sorted(witnesses),
    }


def _signers(files: ShardFiles) -> tuple[bool, set[str]]:
    """Whether the log's key has signed the checkpoint, and which witnesses the cosigned state; as the verifier sees it.

    Raises:
        LedgerBroken: a signature is wrong.
    """
    origin = files.checkpoint.origin
    try:
        policy = hdn_verify.read_policy((files.folder / "policy").read_text(encoding="utf-8"))
        keys = [*policy.logs, *policy.witnesses.values()]
        signers = hdn_verify.read_note(files.note, keys).signers
        cosigners = hdn_verify.read_note(files.cosigned, keys).signers if files.cosigned else signers
    except hdn_verify.Verdict as wrong:
        raise LedgerBroken(f"{files.folder}: {wrong}") from wrong
    return origin in signers, {*cosigners} - {origin}


def proof_in_words(found: Found, proof: Mapping[str, Any]) -> list[str]:
    """The same for people, in English."""
    if "leaf" not in proof:
        return [f"The files of the log end at entry {proof['published'] - 1}: xdsnode check says what holds them up."]
    leaf = proof["leaf"]
    holds = "fits" if proof["commitment_holds"] else "DOES NOT FIT: the record was changed after it was logged"
    return [
        "proof",
        f"  1. The log keeps 98 bytes of this entry: {leaf[:24]}…{leaf[-8:]}. They name nobody; their last 32 bytes",
        f"     commit to the record above and its secret salt. Computed again here: it {holds}.",
        f"  2. The hash of these bytes is {proof['leaf_hash']}.",
        f"  3. With {len(proof['inclusion'])} further hashes it leads to the root of all {proof['size']} entries,",
        f"     which the node has signed: {proof['checkpoint'].splitlines()[2]}",
        "  4. Whoever keeps this signed state notices if this or any earlier entry is changed or taken out later."
        f" Witnesses: {', '.join(proof['witnesses']) or 'none yet'}.",
        f"To check without this program: python3 hdn_verify.py open {found.index} FOLDER_OF_THE_NODE",
    ]
