"""ITI-54 Document Metadata Publish: somebody tells the broker of documents it does not register (ITI TF-2: 3.54).

A repository or registry beside this node publishes what it has; whoever has subscribed here is told. Nothing of it is
registered: it is in no query. One-way: HTTP 202, and the notifications are durable before that.
"""

from __future__ import annotations

import sqlite3

from node.exchange import Exchange
from node.notifications.content import Told, told, write_content
from node.notifications.notices import ReadNotice, Taken
from node.soap.faults import sender
from registry.store.subscriptions import Subscriptions


def document_metadata_publish(
    request: tuple[ReadNotice, ...], _prepared: None, exchange: Exchange, connection: sqlite3.Connection
) -> Taken:
    """Queue a notification for every subscription that published objects match.

    Raises:
        SoapFault: an object is another community's: only its own node speaks for it.
    """
    actors = exchange.actors
    kept, registry = Subscriptions(connection), actors.registry_on(connection)
    now = exchange.now.strftime("%Y%m%d%H%M%S")
    items: list[Told] = []
    for notice in request:
        if any(one.home_community_id not in (None, "", actors.own.home) for one in notice.objects):
            raise sender("what is published is of this community; another one tells of its own documents itself")
        for patient in dict.fromkeys(one.patient_id or "" for one in notice.objects):
            documents = [one for one in notice.documents if one.patient_id == patient]
            own_set = next((one for one in notice.submission_sets if one.patient_id == patient), None)
            identities = registry.identities_of(patient) or (patient,)
            for number, objects in kept.matched(identities, documents, own_set, now):
                content = [told(one, identities[0], actors.own.home) for one in objects]
                kept.tell(number, [one.entry_uuid for one in content], write_content(content), notice.producer, now)
            items += [
                told(one, identities[0], actors.own.home) for one in (*documents, *((own_set,) if own_set else ()))
            ]
    return Taken(items=tuple(items))
