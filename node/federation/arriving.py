"""An answer that a community sends on a connection of its own, read like one that comes back on ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from node.federation.peer_answer import Fetched, PeerAnswer, complete
from node.soap.xop import INLINE
from trust.ledger.record import payload_digest

if TYPE_CHECKING:
    from node.http.incoming import Incoming
    from repository.store.spool import SpooledPart

_INLINE: Final = INLINE.partition("{")[0]


async def answer_of(incoming: Incoming, spool: Callable[[], SpooledPart]) -> PeerAnswer:
    """The whole answer; its documents are spooled.

    Raises:
        SoapFault: a part is missing, doubled, or cannot be read; nothing of it is kept.
    """
    message, documents = incoming.message, dict[str, Fetched]()
    try:
        async for content_id, chunks in incoming.package.parts():
            part = spool()
            documents[content_id] = Fetched(part=part, size=0, sha1="", sha256=b"")
            async for chunk in chunks:
                part.write(chunk)
            documents[content_id] = complete(part)
    except BaseException:
        for document in documents.values():
            document.part.close()
        raise
    inside = {one.content_id for one in message.documents if one.inline is not None}
    name = message.root_content_id if message.packaging == "mtom" else "body"
    parts = [(name, message.root_size, message.root_sha256)]
    parts += [  # what stood in the envelope is part of the digest already
        (content_id, document.size, document.sha256)
        for content_id, document in documents.items()
        if content_id not in inside and not content_id.startswith(_INLINE)
    ]
    return PeerAnswer(
        message=message, digest=payload_digest(parts), audit_proof=incoming.audit_proof, documents=documents
    )
