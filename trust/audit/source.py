"""Who writes the audit records: AuditSourceIdentification (ITI TF-2: 3.20; DICOM PS3.15 A.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# How AuditSourceIdentification carries its type: the two published schemas exclude each other here. "attributes" is
# DICOM PS3.15 (code, codeSystemName, originalText on the element); "element" is RFC 3881 and older DICOM text (a child
# AuditSourceTypeCode).
SourceForm = Literal["attributes", "element"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSource:
    """The node as the source of its records.

    `enterprise_site_id` is the homeCommunityId, `source_id` the node's name; type 4 is an application server.
    """

    enterprise_site_id: str
    source_id: str
    type_code: str = "4"
    type_text: str = "Application Server Process or Thread"
    form: SourceForm = "attributes"
