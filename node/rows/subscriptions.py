"""Rows of the table of transactions by which somebody is told of documents: ITI-52, ITI-53, ITI-54 (DSUB)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from node.bindings import AuditProfile, Operation, Packaging, SoapBinding, Transaction
from node.iti import iti52_document_metadata_subscribe as iti52
from node.iti import iti53_document_metadata_notify as iti53
from node.iti import iti54_document_metadata_publish as iti54
from node.notifications import notices, wsn
from node.paths import PATHS
from trust.audit.event import Action, EventId
from trust.identity.caller import Role

_WSN: Final = "http://docs.oasis-open.org/wsn/bw-2"
_APPLICATIONS: Final = frozenset({Role.APPLICATION, Role.OPERATOR})
_PEERS: Final = frozenset({Role.PEER})

ITI_52: Final = Transaction(
    id="ITI-52",
    name="Document Metadata Subscribe",
    spec="ITI TF-2: 3.52",
    actors=("Document Metadata Subscriber", "Document Metadata Notification Broker"),
    binding=SoapBinding(
        path=PATHS["iti-52"],
        action=wsn.SUBSCRIBE_ACTION,
        response_action=f"{_WSN}/NotificationProducer/SubscribeResponse",
        root=wsn.SUBSCRIBE,
        packaging=Packaging.SOAP,
        decode=iti52.decode,
        encode=iti52.encode,
        encode_errors=iti52.encode_errors,
        also=(
            Operation(
                action=wsn.UNSUBSCRIBE_ACTION,
                response_action=f"{_WSN}/SubscriptionManager/UnsubscribeResponse",
                root=wsn.UNSUBSCRIBE,
            ),
        ),
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=iti52.read,
    handle=iti52.document_metadata_subscribe,
    audit=AuditProfile(event=EventId.QUERY, action=Action.EXECUTE, caller_is_source=True, facts=iti52.audited),
    without_user=(wsn.UNSUBSCRIBE_ACTION,),  # the system that subscribed ends it, also when its user is gone
)

# The same for other communities, for one patient each.
ITI_52_GATEWAY: Final = replace(ITI_52, binding=replace(ITI_52.binding, path=PATHS["iti-52-gateway"]), roles=_PEERS)

ITI_53: Final = Transaction(
    id="ITI-53",
    name="Document Metadata Notify",
    spec="ITI TF-2: 3.53",
    actors=("Document Metadata Notification Broker", "Document Metadata Notification Recipient"),
    binding=SoapBinding(
        path=PATHS["iti-53"],
        action=wsn.NOTIFY_ACTION,
        response_action="",
        root=wsn.NOTIFY,
        packaging=Packaging.SOAP,
        decode=notices.decode,
        encode=notices.encode,
        encode_errors=notices.encode_errors,
    ),
    roles=_PEERS,
    writes=True,
    prepare=notices.nothing,
    handle=iti53.document_metadata_notify,
    audit=AuditProfile(event=EventId.IMPORT, action=Action.CREATE, caller_is_source=True, facts=notices.audited),
    without_user=(wsn.NOTIFY_ACTION,),  # a system tells what it was asked to tell
)

ITI_54: Final = Transaction(
    id="ITI-54",
    name="Document Metadata Publish",
    spec="ITI TF-2: 3.54",
    actors=("Document Metadata Publisher", "Document Metadata Notification Broker"),
    binding=SoapBinding(
        path=PATHS["iti-54"],
        action=wsn.NOTIFY_ACTION,
        response_action="",
        root=wsn.NOTIFY,
        packaging=Packaging.SOAP,
        decode=notices.decode,
        encode=notices.encode,
        encode_errors=notices.encode_errors,
    ),
    roles=_APPLICATIONS,
    writes=True,
    prepare=notices.nothing,
    handle=iti54.document_metadata_publish,
    audit=AuditProfile(event=EventId.IMPORT, action=Action.CREATE, caller_is_source=True, facts=notices.audited),
)
