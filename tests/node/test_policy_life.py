"""A life of consents: recorded, replaced, withdrawn, patients merged and parted, documents quarantined, in any order.

After each step anybody may ask, and the node answers as the model of `test_policy_model` says (rows C2 and C8: a state
machine). XDSNODE_POLICY_STEPS makes the lives longer.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.node import policy_bench, test_policy_model
from tests.node.policy_bench import ANNA, ANNA_BEFORE, BEN, DOCUMENTS, NOW, Bench
from tests.node.test_policy_model import callers, consents, model, policies
from trust.consent import store
from trust.consent.policy import Consent, Status

STEPS = int(os.environ.get("XDSNODE_POLICY_STEPS", "25"))
LIVES = 12


class Lives(RuleBasedStateMachine):
    """Real node on one side, plain lists on the other."""

    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, Consent] = {}
        self.merged = True
        self.hidden: set[str] = set()

    @initialize(policy=policies)
    def begin(self, policy) -> None:
        self.bench.consents([])
        self.bench.services.actors.policy = policy

    def teardown(self) -> None:
        if not self.merged:
            self.part_or_merge()
        for unique_id in set(self.hidden):
            self.quarantine(unique_id)

    @rule(recorded=consents.filter(bool))
    def record(self, recorded: list[Consent]) -> None:
        for one in recorded:
            self.kept[one.id] = one
        self.bench.write(lambda connection: [store.add(connection, one) for one in recorded])

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), other=consents.filter(bool))
    def replace(self, data: st.DataObject, other: list[Consent]) -> None:
        before = self.kept[data.draw(st.sampled_from(sorted(self.kept)))]
        after = replace(other[0], id=before.id, version=before.version + 1, patient=before.patient)
        self.kept[before.id] = after
        self.bench.write(lambda connection: store.add(connection, after))

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        one = self.kept[data.draw(st.sampled_from(sorted(self.kept)))]
        self.kept[one.id] = replace(one, status=Status.WITHDRAWN, version=one.version + 1)
        self.bench.write(lambda connection: store.change(connection, one, Status.WITHDRAWN, "clerk", NOW))

    @rule()
    def part_or_merge(self) -> None:
        if self.merged:
            self.bench.order("patient unmerge", subsumed="ANNA0")
        else:
            self.bench.order("patient merge", survivor="ANNA", subsumed="ANNA0")
        self.merged = not self.merged

    @rule(unique_id=st.sampled_from([one.unique_id for one in DOCUMENTS]))
    def quarantine(self, unique_id: str) -> None:
        self.bench.order("document quarantine", unique_id=unique_id, off=unique_id in self.hidden)
        self.hidden ^= {unique_id}

    @rule(caller=callers, person=st.sampled_from([ANNA, ANNA_BEFORE, BEN]))
    def ask(self, caller, person: str) -> None:
        """A query and a retrieve of everything that there is, of others too."""
        if self.merged and person == ANNA_BEFORE:
            person = ANNA
        bench, policy = self.bench, self.bench.services.actors.policy
        test_policy_model.MERGED["yes"] = self.merged
        bench.write(lambda connection: connection.execute("DELETE FROM emergency_access"))
        kept = list(self.kept.values())
        documents = {one.unique_id: one for one in DOCUMENTS if test_policy_model.person(one.patient) == person}
        expected = {
            id_
            for id_, one in documents.items()
            if id_ not in self.hidden and model(caller, one, kept, policy, unreviewed=0) != "denied"
        }
        assert bench.found(caller, person, NOW) == expected
        assert bench.retrieved(caller, sorted(documents), NOW) == expected


def test_any_life_of_consents(tmp_path_factory) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.getbasetemp()))
    made: Iterator[Bench] = policy_bench.bench(policy_bench.config(folder))
    Lives.bench = next(made)
    try:
        run_state_machine_as_test(
            Lives, settings=settings(max_examples=LIVES, stateful_step_count=STEPS, deadline=None)
        )
    finally:
        test_policy_model.MERGED["yes"] = True
        made.close()  # type: ignore[attr-defined]
        shutil.rmtree(folder)
