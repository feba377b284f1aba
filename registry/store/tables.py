"""Tables of the registry: objects clustered by patient, codes and kinds as numbers (design: README, decisions 3 and 4).

An object's `id` packs its patient's number, a cluster, a running number and its kind (see `keys`): all that a patient
has lies together in each table and in the indexes of associations, documents of one class side by side. SQL elsewhere
uses these names as text.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, text

metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite's own key only where the type says INTEGER

patient = Table(
    "patient",
    metadata,
    Column("no", Integer, primary_key=True),
    Column("cx", String, nullable=False, unique=True),  # as it stands in metadata, compared as a whole
    Column("added", String(14), nullable=False),
    Column("subsumed_by", Integer, ForeignKey("patient.no"), index=True),
    Column("subsumed", String(14)),
    Column("objects", Integer, nullable=False, server_default=text("0")),  # how many were ever registered for it
)

patient_identity = Table(
    "patient_identity",  # the master index: one record for each identifier, as its source describes the patient
    metadata,
    Column("no", Integer, primary_key=True),
    Column("authority", String, nullable=False),  # OID
    Column("id", String, nullable=False),
    Column("person", String, nullable=False, server_default=""),  # `patients.stored`; empty: nothing is known
    Column("subsumed_by", Integer, ForeignKey("patient_identity.no"), index=True),
    Column("changed", String(14), nullable=False),
    Index("patient_identity_pair", "authority", "id", unique=True),
)

patient_identifier = Table(
    "patient_identifier",  # what a record says beside its own identifier
    metadata,
    Column("authority", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("identity", Integer, ForeignKey("patient_identity.no"), primary_key=True),
    sqlite_with_rowid=False,
)

patient_key = Table(
    "patient_key",  # `patients.profile.keys`: records that are worth comparing
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("identity", Integer, ForeignKey("patient_identity.no"), primary_key=True),
    sqlite_with_rowid=False,
)

patient_word = Table(
    "patient_word",  # the words of names, to search by their beginning
    metadata,
    Column("word", String, primary_key=True),
    Column("identity", Integer, ForeignKey("patient_identity.no"), primary_key=True),
    sqlite_with_rowid=False,
)

patient_pair = Table(
    "patient_pair",  # what was decided of two records
    metadata,
    Column("low", Integer, ForeignKey("patient_identity.no"), primary_key=True, autoincrement=False),
    Column("high", Integer, ForeignKey("patient_identity.no"), primary_key=True, autoincrement=False),
    Column("state", String(8), nullable=False),  # linked, distinct, review
    Column("origin", String(9), nullable=False),  # automatic: a change of either decides anew; decided: it stays
    Column("weight", Float, nullable=False),
    Column("since", String(14), nullable=False),
    Index("patient_pair_high", "high"),
    Index("patient_pair_state", "state", sqlite_where=text("state = 'review'")),
    sqlite_with_rowid=False,
)

patient_correlation = Table(
    "patient_correlation",  # under which identifier another community knows a patient (ITI-55)
    metadata,
    Column("patient", String, primary_key=True),  # CX, ours
    Column("home", String, primary_key=True),
    Column("theirs", String, nullable=False),  # CX, that community's; empty: it was asked and knows nobody
    Column("person", String(64), nullable=False),  # fingerprint of what was asked: another is asked anew
    Column("since", String(14), nullable=False),
    Column("until", String(14), nullable=False),
    Index("patient_correlation_theirs", "home", "theirs"),
    sqlite_with_rowid=False,
)

revocation_due = Table(
    "revocation_due",  # patients of ours under whose identifier others may know somebody else now
    metadata,
    Column("no", Integer, primary_key=True),
    Column("patient", String, nullable=False),  # CX
)

location_token = Table(
    "location_token",  # what communities told this node as a locator; a token stands for a patient
    metadata,
    Column("token", LargeBinary, primary_key=True),
    Column("home", String, primary_key=True),
    Column("only", String, nullable=False),  # homes that may learn it, between blanks; empty: everybody
    Index("location_token_home", "home"),
    sqlite_with_rowid=False,
)

location_source = Table(
    "location_source",  # communities that told this locator something; under which set of locators they told everything
    metadata,
    Column("home", String, primary_key=True),
    Column("root", String, nullable=False),
    Column("heard", String(8), nullable=False, server_default=""),  # YYYYMMDD of the last that it told
    sqlite_with_rowid=False,
)

location_due = Table(
    "location_due",  # records of the master index that may have to be told anew
    metadata,
    Column("no", Integer, primary_key=True),
    Column("identity", Integer, ForeignKey("patient_identity.no"), nullable=False, index=True),
)

location_told = Table(
    "location_told",  # what the locators know from this node
    metadata,
    Column("identity", Integer, ForeignKey("patient_identity.no"), primary_key=True, autoincrement=False),
    Column("token", LargeBinary, primary_key=True),
    Column("locator", String, nullable=False),
    Column("only", String, nullable=False),
    Index("location_told_token", "token"),
    sqlite_with_rowid=False,
)

location_answer = Table(
    "location_answer",  # what locators said of a patient of ours
    metadata,
    Column("patient", String, primary_key=True),  # CX
    Column("person", String(64), nullable=False),  # fingerprint, as of a correlation
    Column("root", String, nullable=False),
    Column("homes", String, nullable=False),  # between blanks
    Column("until", String(14), nullable=False),
    sqlite_with_rowid=False,
)

code = Table(
    "code",
    metadata,
    Column("no", Integer, primary_key=True),
    Column("code", String, nullable=False),
    Column("scheme", String, nullable=False),
    Index("code_pair", "code", "scheme", unique=True),
)

registry_object = Table(
    "registry_object",
    metadata,
    Column("key", LargeBinary, primary_key=True),  # of the entryUUID: `keys.uuid_key`
    Column("id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

document_entry = Table(
    "document_entry",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("hidden", Integer, nullable=False),  # bits of `keys.Hidden`
    Column("deprecated", Integer, nullable=False),
    Column("on_demand", Integer, nullable=False),
    Column("class_code", Integer),
    Column("type_code", Integer),
    Column("practice_setting_code", Integer),
    Column("healthcare_facility_type_code", Integer),
    Column("format_code", Integer),
    Column("creation_time", BigInteger),  # 14 digits, as all times here
    Column("service_start_time", BigInteger),
    Column("service_stop_time", BigInteger),
    Column("confidentiality_codes", String, nullable=False),  # packed: ",3,17,"
    Column("event_codes", String, nullable=False),
    Column("author_persons", String),  # packed: values between U+001F
    Column("reference_id_list", String),
    Column("entry_uuid", String, nullable=False),
    Column("unique_id", String, nullable=False),
    Column("repository_unique_id", String, nullable=False),
    Column("hash", String, nullable=False),
    Column("size", BigInteger),
    Column("mime_type", String, nullable=False),
    Column("title", String, nullable=False),
    Column("template", LargeBinary, nullable=False),  # compressed ebRIM with markers
    Index("document_entry_unique_id", "unique_id"),  # not unique: the same bytes may be registered again
)

submission_set = Table(
    "submission_set",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("deprecated", Integer, nullable=False),
    Column("content_type_code", Integer),
    Column("submission_time", BigInteger),
    Column("source_id", String, nullable=False),
    Column("author_persons", String),
    Column("entry_uuid", String, nullable=False),
    Column("unique_id", String, nullable=False, unique=True),
    Column("template", LargeBinary, nullable=False),
)

folder = Table(
    "folder",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("deprecated", Integer, nullable=False),
    Column("last_update_time", BigInteger, nullable=False),
    Column("codes", String, nullable=False),
    Column("entry_uuid", String, nullable=False),
    Column("unique_id", String, nullable=False),
    Column("template", LargeBinary, nullable=False),
    Column("hidden", Integer, nullable=False, server_default=text("0")),  # bits of `keys.Hidden`
    Index("folder_unique_id", "unique_id"),  # not unique: versions share it
)

object_version = Table(
    "object_version",  # of documents and folders that were updated: every version, the first too
    metadata,
    Column("key", LargeBinary, primary_key=True),  # of the logicalID: `keys.uuid_key`
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("id", BigInteger, nullable=False, unique=True),
    sqlite_with_rowid=False,
)

association = Table(
    "association",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=False),
    Column("hidden", Integer, nullable=False),  # 1: it leads to something quarantined, 2: not for MetadataLevel 1
    Column("deprecated", Integer, nullable=False),
    Column("type", Integer, nullable=False),  # number of `keys.ASSOCIATION_TYPES`
    Column("source", BigInteger, nullable=False, index=True),  # id of any object
    Column("target", BigInteger, nullable=False, index=True),
    Column("entry_uuid", String, nullable=False),
    Column("source_uuid", String, nullable=False),
    Column("target_uuid", String, nullable=False),
    Column("template", LargeBinary, nullable=False),
)

fragment_dictionary = Table(
    "fragment_dictionary",
    metadata,
    Column("no", Integer, primary_key=True),
    Column(
        "content", LargeBinary, nullable=False
    ),  # some templates cannot be read without it: never changed, never removed
    Column("learned", String(14), nullable=False),
)

subscription = Table(
    "subscription",
    metadata,
    Column("no", Integer, primary_key=True),
    Column("id", String, nullable=False, unique=True),  # urn:uuid:…, part of the address that ends it
    Column("topic", String, nullable=False),
    Column("filter", String, nullable=False),  # JSON: the query id and its slots
    Column("consumer", String, nullable=False),  # where notifications go
    Column("subscriber", String, nullable=False),  # JSON: who asked for it, as a caller
    Column("created", String(14), nullable=False),
    Column("ends", String(14), nullable=False),
    Column("reach", String(10), nullable=False, server_default="federation"),  # or local: no other community is asked
)

subscription_key = Table(
    "subscription_key",
    metadata,
    Column("key", String, primary_key=True),  # what a submission must have to match: `queries.subscriptions.keys_of`
    Column("subscription", Integer, ForeignKey("subscription.no"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

notification = Table(
    "notification",
    metadata,
    Column("no", Integer, primary_key=True),  # one subscriber gets them in this order
    Column("subscription", Integer, ForeignKey("subscription.no"), nullable=False, index=True),
    Column("objects", String, nullable=False),  # JSON: entryUUIDs of what matched
    Column("queued", String(14), nullable=False),
)

made_on_demand = Table(
    "made_on_demand",  # on-demand documents that this node makes itself
    metadata,
    Column("unique_id", String, primary_key=True),
    Column("patient", Integer, ForeignKey("patient.no"), nullable=False, index=True),
    Column("form", String, nullable=False),  # what is made: a media type
    sqlite_with_rowid=False,
)

snapshot_source = Table(
    "snapshot_source",  # the documents that a kept snapshot was made of, by uniqueId
    metadata,
    Column("snapshot", String, primary_key=True),
    Column("source", String, primary_key=True),
    sqlite_with_rowid=False,
)

notification_content = Table(
    "notification_content",
    metadata,
    Column("notification", Integer, primary_key=True),
    Column("producer", String, nullable=False),  # who told of it: ProducerReference
    Column("content", String, nullable=False),  # JSON: what is not registered here, as it is passed on
)

received_notice = Table(
    "received_notice",
    metadata,
    Column("subscription", Integer, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, primary_key=True),  # of an object that was passed on already
    Column("received", String(14), nullable=False),
    sqlite_with_rowid=False,
)

remote_subscription = Table(
    "remote_subscription",
    metadata,
    Column("no", Integer, primary_key=True),
    Column("subscription", Integer, nullable=True, index=True),  # here, for which it was made; NULL: that has ended
    Column("home", String, nullable=False),
    Column("patient", String, nullable=False),  # as that community names it
    Column("token", String, nullable=False, unique=True),  # part of the address where its notifications come in
    Column("address", String, nullable=False),  # where it is ended; "" before it was made
    Column("state", String(8), nullable=False),  # wanted, held, ending
    Column("ends", String(14), nullable=False),
    Column("next", String(14), nullable=False, index=True),  # when something is to be done about it
    Column("failures", Integer, nullable=False),
)

legal_hold = Table(
    "legal_hold",
    metadata,
    Column("kind", String(8), primary_key=True),  # patient or document
    Column("subject", String, primary_key=True),  # CX, or uniqueId
    Column("reason", String, nullable=False),
    Column("by", String, nullable=False),
    Column("since", String(14), nullable=False),
    sqlite_with_rowid=False,
)
