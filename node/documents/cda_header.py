"""The header of a CDA document as plain facts in XDS forms (ITI TF-3 and PCC: CDA to DocumentEntry binding). Pure.

Whatever carries a nullFlavor or is empty counts as absent. Codes are taken as they are; whether this affinity domain
accepts them is decided by whoever builds the metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from uuid import UUID

from lxml import etree

from node.configuration.readers import Coded
from node.cx import escaped
from registry.metadata.objects import Author
from registry.metadata.values import is_oid

V3: Final = "urn:hl7-org:v3"
NS: Final = {"v3": V3}
CLINICAL_DOCUMENT: Final = f"{{{V3}}}ClinicalDocument"
FORMAT_CODES: Final = "1.3.6.1.4.1.19376.1.2.3"
CXI_UNIQUE_ID: Final = "urn:ihe:iti:xds:2013:uniqueId"
CXI_ORDER: Final = "urn:ihe:iti:xds:2013:order"
# Identifiers of persons that must not become a document's source patient id.
NATIONAL_IDS: Final = frozenset({"2.16.840.1.113883.4.1", "2.16.156.10011.1.3"})

_PCC: Final = "1.3.6.1.4.1.19376.1.5.3.1.1."
_CCDA: Final = "2.16.840.1.113883.10.20.22.1."
_CCDA_VERSIONS: Final = {"2015-08-01": "2.1", "": "1.1", "2024-05-01": "4.0"}
# Most specific first: a profile's template before the one it is based on.
_TEMPLATES: Final = (
    ("1.3.6.1.4.1.19376.1.3.3", "urn:ihe:lab:xd-lab:2008"),
    (_PCC + "7.1", "urn:ihe:iti:bppc-sd:2007"),
    (_PCC + "7", "urn:ihe:iti:bppc:2007"),
    (_PCC + "10", "urn:ihe:pcc:edr:2007"),
    (_PCC + "5", "urn:ihe:pcc:xphr:2007"),
    (_PCC + "4", "urn:ihe:pcc:xds-ms:2007"),
    (_PCC + "3", "urn:ihe:pcc:xds-ms:2007"),
    (_PCC + "2", "urn:ihe:pcc:xds-ms:2007"),
)
_SCANNED: Final = "1.3.6.1.4.1.19376.1.2.20"
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_TS = re.compile(r"(?P<digits>\d{4,14})(\.\d+)?(?P<zone>[+-]\d{4})?", re.ASCII)
_PRECISIONS: Final = (14, 12, 10, 8, 6, 4)
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CdaHeader:
    """What a CDA header says about its document; "" and () mean that it does not say."""

    title: str = ""
    type_code: Coded | None = None
    format_code: str = ""  # of IHE's format code system
    confidentiality_code: Coded | None = None
    language_code: str = ""
    creation_time: str = ""
    service_start_time: str = ""
    service_stop_time: str = ""
    authors: tuple[Author, ...] = ()
    legal_authenticator: str = ""
    source_patient_ids: tuple[str, ...] = ()  # CX, in the order of the document
    source_patient_info: tuple[str, ...] = ()
    unique_id: str = ""  # root^extension, or the root alone
    reference_ids: tuple[str, ...] = ()  # CXi: the document's own id, then orders
    replaces: tuple[str, ...] = ()  # unique ids of the documents it says it replaces


def read(root: etree._Element) -> CdaHeader | None:
    """The header of a ClinicalDocument; None when `root` is something else."""
    if root.tag != CLINICAL_DOCUMENT:
        return None
    start, stop = _service_times(root)
    own = _first(root, "v3:id")
    return CdaHeader(
        title=_text(_first(root, "v3:title"))[:128],
        type_code=_code(_first(root, "v3:code")),
        format_code=_format_code(root),
        confidentiality_code=_code(_first(root, "v3:confidentialityCode"), "2.16.840.1.113883.5.25"),
        language_code=_language(root),
        creation_time=_time(_first(root, "v3:effectiveTime")),
        service_start_time=start,
        service_stop_time=stop,
        authors=tuple(author for element in _all(root, "v3:author") if (author := _author(element, root))),
        legal_authenticator=_legal_authenticator(root),
        source_patient_ids=tuple(
            cx for element in _all(root, "v3:recordTarget/v3:patientRole/v3:id") if (cx := _cx(element))
        ),
        source_patient_info=_patient_info(root),
        unique_id=_unique_id(own),
        reference_ids=(
            *_cxi(own, CXI_UNIQUE_ID),
            *(cxi for order in _all(root, "v3:inFulfillmentOf/v3:order/v3:id") for cxi in _cxi(order, CXI_ORDER)),
        ),
        replaces=tuple(
            found
            for related in _all(root, "v3:relatedDocument[@typeCode='RPLC']")
            for parent in _all(related, "v3:parentDocument/v3:id")
            if (found := _unique_id(parent))
        ),
    )


def dtm(value: str) -> str:
    """An HL7 v3 TS as an XDS DTM in UTC, keeping its precision; "" when it is none. No zone is taken as UTC.

    Source: ITI TF-3: Table 4.2.3.1.7-2.
    """
    found = _TS.fullmatch(value.strip())
    if not found:
        return ""
    digits = found["digits"]
    precision = next(size for size in _PRECISIONS if size <= len(digits))
    padded = digits[:precision] + "00000101000000"[precision:]
    try:
        moment = datetime.strptime(padded, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        if found["zone"] and precision > 8:
            sign = -1 if found["zone"][0] == "-" else 1
            offset = timedelta(hours=int(found["zone"][1:3]), minutes=int(found["zone"][3:5]))
            moment = moment.replace(tzinfo=timezone(sign * offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return f"{moment:%Y%m%d%H%M%S}".rjust(14, "0")[:precision]


def _all(element: etree._Element, path: str) -> Iterator[etree._Element]:
    """Elements at `path` that are not null."""
    for found in element.iterfind(path, NS):
        if not found.get("nullFlavor"):
            yield found


def _first(element: etree._Element, path: str) -> etree._Element | None:
    return next(_all(element, path), None)


def _text(element: etree._Element | None) -> str:
    return " ".join("".join(str(part) for part in element.itertext()).split()) if element is not None else ""


def _code(element: etree._Element | None, scheme: str = "") -> Coded | None:
    if element is None:
        return None
    code, system = (element.get("code") or "").strip(), (element.get("codeSystem") or scheme).strip()
    if not code or not system:
        return None
    return Coded(code, system, " ".join((element.get("displayName") or code).split())[:256])


def _oid_of(root: str) -> str:
    """The root of an identifier as an OID: a UUID is one under 2.25. "" when it is neither."""
    root = root.strip()
    if is_oid(root):
        return root
    return f"2.25.{UUID(root).int}" if _UUID.fullmatch(root) else ""


def _identifier(element: etree._Element | None) -> tuple[str, str]:
    """(extension, OID) of an II; both "" when there is none."""
    if element is None:
        return "", ""
    oid = _oid_of(element.get("root") or "")
    return (escaped(" ".join((element.get("extension") or "").split())), oid) if oid else ("", "")


def _cx(element: etree._Element) -> str:
    extension, oid = _identifier(element)
    return _bounded(f"{extension}^^^&{oid}&ISO") if extension else ""


def _cxi(element: etree._Element | None, kind: str) -> tuple[str, ...]:
    extension, oid = _identifier(element)
    if not oid:
        return ()
    value = _bounded(f"{extension}^^^&{oid}&ISO^{kind}" if extension else f"{oid}^^^^{kind}")
    return (value,) if value else ()


def _unique_id(element: etree._Element | None) -> str:
    """`root^extension` or the root alone, never a trailing caret."""
    if element is None:
        return ""
    root, extension = (element.get("root") or "").strip(), (element.get("extension") or "").strip()
    if not root:
        return ""
    return _bounded(f"{root}^{extension}" if extension else root)


def _bounded(value: str) -> str:
    return value if len(value) <= 256 else ""


def _format_code(root: etree._Element) -> str:
    found = {
        (element.get("root") or "", element.get("extension") or "") for element in root.iterfind("v3:templateId", NS)
    }
    roots = {template for template, _ in found}
    if _SCANNED in roots:
        media = root.find("v3:component/v3:nonXMLBody/v3:text", NS)
        kind = "pdf" if media is not None and media.get("mediaType") == "application/pdf" else "text"
        return f"urn:ihe:iti:xds-sd:{kind}:2008"
    for template, code in _TEMPLATES:
        if template in roots:
            return code
    versions = {extension for template, extension in found if template.startswith(_CCDA)}
    version = next((known for extension, known in _CCDA_VERSIONS.items() if extension in versions), "")
    if not version:
        return ""
    body = "nonXMLBody" if root.find("v3:component/v3:nonXMLBody", NS) is not None else "structuredBody"
    return f"urn:hl7-org:sdwg:ccda-{body}:{version}"


def _language(root: etree._Element) -> str:
    """The language of the content, which for a scan may differ from that of its wrapper."""
    for path in ("v3:component/v3:nonXMLBody/v3:languageCode", "v3:languageCode"):
        element = _first(root, path)
        code = (element.get("code") or "").strip() if element is not None else ""
        if _LANGUAGE.fullmatch(code):
            return code
    return ""


def _time(element: etree._Element | None) -> str:
    return dtm(element.get("value") or "") if element is not None else ""


def _service_times(root: etree._Element) -> tuple[str, str]:
    """Earliest start and latest stop of the service events, else of the encounter."""
    for path in (
        "v3:documentationOf/v3:serviceEvent/v3:effectiveTime",
        "v3:componentOf/v3:encompassingEncounter/v3:effectiveTime",
    ):
        starts, stops = [], []
        for period in _all(root, path):
            point = _time(period)
            starts += [time for time in (point or _time(_first(period, "v3:low")),) if time]
            stops += [time for time in (point or _time(_first(period, "v3:high")),) if time]
        if starts or stops:
            start, stop = min(starts, default=""), max(stops, default="")
            # A stop before its start is refused by every registry; a missing attribute is not.
            return start, stop if not start or stop >= start[: len(stop)] else ""
    return "", ""


def _name(element: etree._Element | None) -> str:
    """`family^given1^given2^suffix^prefix` of a PN; a name without parts stands whole in family."""
    if element is None:
        return ""

    def parts(tag: str) -> list[str]:
        return [escaped(_text(part)) for part in _all(element, f"v3:{tag}") if _text(part)]

    family, given = " ".join(parts("family")), parts("given")
    if not family and not given:
        family = escaped(_text(element))
    fields = [
        family,
        given[0] if given else "",
        " ".join(given[1:]),
        " ".join(parts("suffix")),
        " ".join(parts("prefix")),
    ]
    return "^".join(fields).rstrip("^")


def _xcn(identifier: etree._Element | None, name: str) -> str:
    """`ext^family^given1^given2^suffix^prefix^^^&root&ISO`; the authority stands only with an id."""
    extension, oid = _identifier(identifier)
    if not extension:
        return _bounded(f"^{name}") if name else ""
    fields = (extension + "^" + name).split("^")
    return _bounded("^".join([*fields, *[""] * (8 - len(fields)), f"&{oid}&ISO"]))


def _xon(organisation: etree._Element | None) -> str:
    """`name^^^^^&oid&ISO^^^^ext`, or with an OID alone in the tenth component."""
    name = escaped(_text(_first(organisation, "v3:name"))) if organisation is not None else ""
    if organisation is None or not name:
        return ""
    extension, oid = _identifier(_first(organisation, "v3:id"))
    if extension:
        return _bounded(f"{name}^^^^^&{oid}&ISO^^^^{extension}")
    return _bounded(f"{name}^^^^^^^^^{oid}" if oid else name)


def _author(element: etree._Element, root: etree._Element) -> Author | None:
    assigned = _first(element, "v3:assignedAuthor")
    if assigned is None:
        return None
    name = _name(_first(assigned, "v3:assignedPerson/v3:name"))
    device = _first(assigned, "v3:assignedAuthoringDevice")
    if not name and device is not None:
        model = _text(_first(device, "v3:manufacturerModelName")) or _text(_first(device, "v3:softwareName"))
        name = escaped(model)
    person = _xcn(_first(assigned, "v3:id"), name)
    custodian = "v3:custodian/v3:assignedCustodian/v3:representedCustodianOrganization"
    institution = _xon(_first(assigned, "v3:representedOrganization")) or _xon(_first(root, custodian))
    telecoms = tuple(xtn for item in _all(assigned, "v3:telecom") if (xtn := _xtn(item.get("value") or "")))
    if not (person or institution or telecoms):
        return None
    return Author(
        persons=(person,) if person else (),
        institutions=(institution,) if institution else (),
        roles=_displayed(_first(element, "v3:functionCode")),
        specialties=_displayed(_first(assigned, "v3:code")),
        telecommunications=telecoms,
    )


def _displayed(element: etree._Element | None) -> tuple[str, ...]:
    code = _code(element)
    return (escaped(code.display),) if code else ()


def _xtn(value: str) -> str:
    """An e-mail address; a telephone number in its parts cannot be told from a URL, so it is left out."""
    address = value.strip().removeprefix("mailto:")
    if value.strip().startswith("mailto:") and re.fullmatch(r"[^\s@^|~&\\]+@[^\s@^|~&\\]+", address):
        return _bounded(f"^^Internet^{address}")
    return ""


def _legal_authenticator(root: etree._Element) -> str:
    element = _first(root, "v3:legalAuthenticator")
    signature = _first(element, "v3:signatureCode") if element is not None else None
    entity = _first(element, "v3:assignedEntity") if element is not None else None
    if entity is None or signature is None or signature.get("code") != "S":
        return ""
    return _xcn(_first(entity, "v3:id"), _name(_first(entity, "v3:assignedPerson/v3:name")))


def _patient_info(root: etree._Element) -> tuple[str, ...]:
    role = _first(root, "v3:recordTarget/v3:patientRole")
    patient = _first(role, "v3:patient") if role is not None else None
    if role is None or patient is None:
        return ()
    name = _name(_first(patient, "v3:name"))
    birth_time = _first(patient, "v3:birthTime")
    birth = re.match(r"[0-9]{8}", (birth_time.get("value") or "") if birth_time is not None else "")
    gender = _code(_first(patient, "v3:administrativeGenderCode"), "-")
    sex = {"M": "M", "F": "F", "UN": "O", "1": "M", "2": "F"}.get(gender.code, "U") if gender else ""
    values = (("PID-5", name), ("PID-7", birth.group() if birth else ""), ("PID-8", sex))
    return tuple(_bounded(f"{field}|{value}") for field, value in values if value and len(value) < 250)
