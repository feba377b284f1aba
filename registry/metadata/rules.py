"""All metadata rules that need no database, run over one submission (ITI TF-3: 4.2, 4.3.1; ITI TF-2: 3.42.4.1.3).

The rules are rows in `attributes`, `object_rules`, `submission_rules` and `association_rules`; here they become the
errors of an answer.
"""

from __future__ import annotations

from registry.errors import ErrorCode, RegistryError
from registry.metadata.affinity_domain import AffinityDomain
from registry.metadata.association_rules import ASSOCIATION_RULES
from registry.metadata.attributes import Transaction
from registry.metadata.object_rules import Findings, check_object
from registry.metadata.submission import Submission
from registry.metadata.submission_rules import SUBMISSION_RULES, Linked


def violations(submission: Submission, domain: AffinityDomain, *, transaction: Transaction) -> list[RegistryError]:
    """Everything that is wrong with a submission in itself, the first hundred violations at most.

    Each error names the attribute, its value and the section, and has the id of the violating object, as it was
    submitted, as its location. ITI-41 asks for less: hash, size and repositoryUniqueId are filled in by the repository.
    """
    errors: list[RegistryError] = []
    for obj in submission.objects():
        contexts = check_object(obj, transaction, domain)
        errors += [RegistryError(ErrorCode.REGISTRY_METADATA, context, obj.entry_uuid) for context in contexts]
        if len(errors) >= Findings.most:
            return errors[: Findings.most]
    linked = Linked(submission, transaction)
    for rule in (*SUBMISSION_RULES, *ASSOCIATION_RULES):
        for location, context in rule.check(linked):
            errors.append(RegistryError(rule.code, f"{context} ({rule.source})", location))
            if len(errors) >= Findings.most:
                return errors
    return errors
