"""What the node counts about itself, in Prometheus' form. No label ever carries a patient, a user or a document."""

from __future__ import annotations

from functools import cache, partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry for each node, so that several nodes in one process do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._of_requests()
        self.refused = Counter(
            "xdsnode_refused", "Requests refused before a transaction", ["reason"], registry=self.registry
        )
        self.leniencies = Counter(
            "xdsnode_leniencies", "Deviations of other systems that were tolerated", ["name"], registry=self.registry
        )
        by_community = partial(Counter, labelnames=["community", "outcome"], registry=self.registry)
        self.peers = by_community("xdsnode_peer_calls", "Calls to other communities, by outcome")
        self.receipts = by_community("xdsnode_audit_proofs", "Receipts of other communities: good, or why not")
        self.withheld = Counter(
            "xdsnode_withheld_documents",
            "Documents not shown to a peer for their confidentiality or the patient's consent",
            registry=self.registry,
        )
        self.emergencies = Counter("xdsnode_emergency_accesses", "Answers that broke the glass", registry=self.registry)
        self.alarms = Counter("xdsnode_alarms", "Alarms raised", ["alarm"], registry=self.registry)
        self._of_witnesses()
        self._of_flooding()
        self.free_bytes = Gauge("xdsnode_disk_free_bytes", "Free space for documents", registry=self.registry)
        self.audit_size = Gauge("xdsnode_audit_entries", "Entries under the latest checkpoint", registry=self.registry)
        self.audit_backlog = Gauge(
            "xdsnode_audit_backlog",
            "Audit entries that an Audit Record Repository does not have yet",
            ["repository"],
            registry=self.registry,
        )
        self.audit_sent = Counter(
            "xdsnode_audit_messages_sent",
            "Audit messages sent to an Audit Record Repository, repetitions included",
            ["repository"],
            registry=self.registry,
        )
        self.certificate_days = Gauge(
            "xdsnode_certificate_days", "Days until the node's certificate ends", registry=self.registry
        )
        self.directory_days = Gauge(
            "xdsnode_directory_days", "Days until the federation's directory ends", registry=self.registry
        )

    def _of_requests(self) -> None:
        requests = Counter(
            "xdsnode_requests", "Transactions answered, by outcome", ["transaction", "outcome"], registry=self.registry
        )
        seconds = Histogram(
            "xdsnode_request_seconds",
            "Time from the whole request to the first byte of the answer",
            ["transaction"],
            buckets=_LATENCY,
            registry=self.registry,
        )
        # What stands for a set of labels is looked up under a lock: once for each is enough.
        self._requests, self._seconds = cache(requests.labels), cache(seconds.labels)

    def _of_witnesses(self) -> None:
        self.witnesses = Gauge(
            "xdsnode_audit_witnesses",
            "Witnesses of the audit log: known, and signed last",
            ["state"],
            registry=self.registry,
        )
        self.cosigned_size = Gauge(
            "xdsnode_audit_cosigned_entries", "Entries that a quorum of witnesses has signed", registry=self.registry
        )
        self.quorum_age = Gauge(
            "xdsnode_audit_quorum_age_seconds", "Time since a quorum of witnesses signed", registry=self.registry
        )

    def _of_flooding(self) -> None:
        self.held_back = Counter(
            "xdsnode_held_back",
            "Requests of other communities that were told to come again, because too many of theirs waited",
            ["community"],
            registry=self.registry,
        )

    def answered(self, transaction: str, outcome: str, seconds: float) -> None:
        """Count one answer."""
        self._requests(transaction, outcome).inc()
        self._seconds(transaction).observe(seconds)

    def render(self) -> bytes:
        """The text that `/metrics` answers."""
        return generate_latest(self.registry)
