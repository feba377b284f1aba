"""The directory of a federation as an mCSD directory: Organization and Endpoint in a Bundle of FHIR R4, and back.

Certificates, audit keys and whatever else FHIR has no element for stand in one extension, so that nothing is lost
between two nodes. Nothing here is believed: what becomes of a Bundle is decided in `proposals`.

Source: HL7 FHIR R4, IHE mCSD 4.0.0 (Organization, Endpoint for Document Sharing)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from trust import strict_json
from trust.communities import REQUIRED_ENDPOINTS
from trust.directory.content import ACTIVE, SUSPENDED, Content, write_time
from trust.directory.signing import Malformed
from trust.ledger.record import canonical

_PROFILES: Final = "https://profiles.ihe.net/ITI/mCSD/StructureDefinition/"
_TYPES: Final = "https://profiles.ihe.net/ITI/mCSD/CodeSystem/MCSDEndpointTypes"
_CORE_TYPES: Final = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
_SPECIFIC: Final = _PROFILES + "ihe-endpointspecifictype"
_TRANSLATION: Final = "http://hl7.org/fhir/StructureDefinition/translation"
_HOME_CODES: Final = ("homeCommunityId", "HCID")
_REPOSITORY: Final = ("https://profiles.ihe.net/ITI/mCSD/CodeSystem/MCSDEndpointIdentifierTypes", "DocRepoId")
_OWN_TYPES: Final = "urn:hdn:mcsd:endpoint"  # what IHE has no code for: the key of the endpoint
_REST: Final = "urn:hdn:mcsd:community"

# Endpoint of a description: IHE's general code, and the one for exactly this transaction.
_CODES: Final[Mapping[str, tuple[str, str]]] = {
    "iti-38": ("ihe-xca", "XCA-RespGateway-Query"),
    "iti-39": ("ihe-xca", "XCA-RespGateway-Retrieve"),
    "iti-55": ("ihe-xcpd", "XCPD-RespGateway-PatientDiscovery"),
}
_KEYS: Final = {specific: key for key, (_, specific) in _CODES.items()}
_MAPPED: Final = ("home_community_id", "name", "names", "endpoints", "repository_unique_ids", "status")
_APART: Final = (*_MAPPED, "previous")  # which certificate counts besides is decided by a renewal alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a Bundle says of one community.

    `row` holds what it says of a directory's row; `complete`: also that for which FHIR has no element. `faults` say
    why nothing can be made of it.
    """

    home: str
    row: Mapping[str, Any]
    complete: bool = False
    faults: tuple[str, ...] = field(default=())


def write(content: Content, federation: str, now: datetime) -> tuple[dict[str, Any], Sequence[str]]:
    """The Bundle (type collection), and the homeCommunityIds that cannot be written: their rows are no communities."""
    entries: list[dict[str, Any]] = []
    left: list[str] = []
    for row in content.members:
        if _is_writable(row):
            entries += ({"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in _resources(row))
        else:
            left.append(row["home_community_id"])
    bundle = {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": federation},
        "type": "collection",
        "timestamp": write_time(now),
        "entry": entries,
    }
    return bundle, left


def _is_writable(row: Mapping[str, Any]) -> bool:
    endpoints, repositories = row.get("endpoints"), row.get("repository_unique_ids")
    return (
        isinstance(row.get("name"), str)
        and isinstance(row.get("names", {}), dict)
        and isinstance(endpoints, dict)
        and all(key in endpoints for key in REQUIRED_ENDPOINTS)
        and all(isinstance(url, str) for url in endpoints.values())
        and isinstance(repositories, list)
        and all(isinstance(one, str) for one in repositories)
    )


def _resources(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    home, active = row["home_community_id"], row["status"] == ACTIVE
    organization_id = _id(home)
    rest = {key: value for key, value in row.items() if key not in _APART}
    organization: dict[str, Any] = {
        "resourceType": "Organization",
        "id": organization_id,
        "meta": {"profile": [_PROFILES + "IHE.mCSD.Organization"]},
        "extension": [{"url": _REST, "valueString": canonical(rest).decode("utf-8")}],
        "identifier": [_home_identifier(home)],
        "active": active,
        "type": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "prov"}]}],
        "name": row["name"],
    }
    if row.get("names"):
        organization["_name"] = {"extension": [_translation(*pair) for pair in row["names"].items()]}
    organization["endpoint"] = [{"reference": f"urn:uuid:{_id(home, key)}"} for key in row["endpoints"]]
    yield organization
    for key, url in row["endpoints"].items():
        repositories = row["repository_unique_ids"] if key == "iti-39" else ()
        yield _endpoint(home, key, url, repositories, active=active)


def _endpoint(home: str, key: str, url: str, repositories: Sequence[str], *, active: bool) -> dict[str, Any]:
    general, specific = _CODES.get(key, ("", ""))
    profile = "IHE.mCSD.Endpoint.DocShare" if general else "IHE.mCSD.Endpoint"
    endpoint: dict[str, Any] = {
        "resourceType": "Endpoint",
        "id": _id(home, key),
        "meta": {"profile": [_PROFILES + profile]},
    }
    if general:
        coding = {"system": _TYPES, "code": specific}
        endpoint["extension"] = [{"url": _SPECIFIC, "valueCodeableConcept": {"coding": [coding]}}]
    system, code = _REPOSITORY
    endpoint["identifier"] = [
        _home_identifier(home),
        *(
            {
                "type": {"coding": [{"system": system, "code": code}]},
                "system": "urn:ietf:rfc:3986",
                "value": f"urn:oid:{one}",
            }
            for one in repositories
        ),
    ]
    return endpoint | {
        "status": "active" if active else "suspended",
        "connectionType": {"system": _TYPES, "code": general} if general else {"system": _OWN_TYPES, "code": key},
        "managingOrganization": {"reference": f"urn:uuid:{_id(home)}"},
        "payloadType": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/endpoint-payload-type", "code": "any"}]}
        ],
        "address": url,
    }


def _id(home: str, key: str = "") -> str:
    """The same in each export, so that who mirrors the directory sees changes."""
    return str(uuid5(NAMESPACE_URL, f"{home} {key}".rstrip()))


def _home_identifier(home: str) -> dict[str, Any]:
    coding = {"system": "urn:ihe:iti:xca:2010", "code": "homeCommunityId"}
    return {"type": {"coding": [coding]}, "system": "urn:ietf:rfc:3986", "value": home}


def _translation(language: str, name: str) -> dict[str, Any]:
    return {
        "url": _TRANSLATION,
        "extension": [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": name}],
    }


def read(text: str) -> Sequence[Listed]:
    """The communities of a Bundle, by homeCommunityId. An Organization without that identifier is passed over.

    Raises:
        Malformed: it is not a Bundle of FHIR in JSON.
    """
    bundle = _object(text)
    if bundle.get("resourceType") != "Bundle":
        raise Malformed("it is not a Bundle of FHIR in JSON")
    resources: dict[str, dict[str, Any]] = {}
    every: list[dict[str, Any]] = []
    for entry in _dicts(bundle.get("entry")):
        one = entry.get("resource")
        if isinstance(one, dict):
            every.append(one)
            local = f"{one.get('resourceType')}/{one['id']}" if one.get("id") else ""
            resources |= {name: one for name in (local, str(entry.get("fullUrl") or "")) if name}
    owned: dict[int, list[dict[str, Any]]] = {}
    for one in every:
        owner = resources.get(_reference(one.get("managingOrganization")))
        if one.get("resourceType") == "Endpoint" and owner is not None:
            owned.setdefault(id(owner), []).append(one)
    found: dict[str, Listed] = {}
    for one in every:
        home = _identified(one, _HOME_CODES)
        if one.get("resourceType") != "Organization" or not home:
            continue
        named = [resources.get(_reference(each)) for each in _dicts(one.get("endpoint"))]
        endpoints = {id(each): each for each in (*named, *owned.get(id(one), ())) if each is not None}
        twice = len(home) > 1 or home[0] in found
        found[home[0]] = (
            Listed(home=home[0], row={}, faults=("it stands in the file twice",))
            if twice
            else _listed(home[0], one, list(endpoints.values()))
        )
    return [found[home] for home in sorted(found)]


def _listed(home: str, organization: Mapping[str, Any], endpoints: Sequence[Mapping[str, Any]]) -> Listed:
    faults: list[str] = []
    row: dict[str, Any] = {}
    texts = [one.get("valueString") for one in _dicts(organization.get("extension")) if one.get("url") == _REST]
    try:
        row |= {key: value for text in texts for key, value in _object(text).items() if key not in _APART}
    except Malformed as fault:
        faults.append(f"the extension {_REST}: {fault}")
    active = organization.get("active", True) is True
    urls: dict[str, str] = {}
    repositories: list[str] = []
    for one in endpoints:
        if one.get("status") != "active" and active:
            continue  # planned, switched off or an error
        for key in _keys(one):
            if urls.setdefault(key, str(one.get("address"))) != one.get("address"):
                faults.append(f"it has two endpoints {key}")
            if key == "iti-39":
                repositories += (value.removeprefix("urn:oid:") for value in _identified(one, _REPOSITORY[1:]))
    row |= {"home_community_id": home, "name": organization.get("name"), "endpoints": urls}
    row["status"] = ACTIVE if active else SUSPENDED
    if repositories or texts:
        row["repository_unique_ids"] = list(dict.fromkeys(repositories))
    names = dict(_translations(organization))
    if names:
        row["names"] = names
    return Listed(home=home, row=row, complete=bool(texts), faults=tuple(faults))


def _keys(endpoint: Mapping[str, Any]) -> Iterator[str]:
    """Which endpoints of a description this one is. A general code alone counts where it leaves no doubt."""
    system, code = _coding(endpoint.get("connectionType"))
    specific = [
        one.get("code")
        for extension in _dicts(endpoint.get("extension"))
        if extension.get("url") == _SPECIFIC and isinstance(extension.get("valueCodeableConcept"), dict)
        for one in _dicts(extension["valueCodeableConcept"].get("coding"))
    ]
    if system == _OWN_TYPES:
        yield code
    elif system in (_TYPES, _CORE_TYPES) and code == "ihe-xcpd" and not specific:
        yield "iti-55"
    else:
        yield from (_KEYS[one] for one in specific if isinstance(one, str) and one in _KEYS)


def _coding(value: object) -> tuple[str, str]:
    return (str(value.get("system")), str(value.get("code"))) if isinstance(value, dict) else ("", "")


def _identified(resource: Mapping[str, Any], codes: Sequence[str]) -> list[str]:
    """Values of the identifiers of one of these types; published examples have no system, so none is asked for."""
    found = [
        one.get("value")
        for one in _dicts(resource.get("identifier"))
        if isinstance(one.get("type"), dict)
        and any(coding.get("code") in codes for coding in _dicts(one["type"].get("coding")))
    ]
    return [one for one in dict.fromkeys(found) if isinstance(one, str)]


def _translations(organization: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    beside = organization.get("_name")
    for one in _dicts(beside.get("extension")) if isinstance(beside, dict) else ():
        parts = {part.get("url"): part for part in _dicts(one.get("extension"))}
        language = parts.get("lang", {}).get("valueCode")
        name = parts.get("content", {}).get("valueString")
        if one.get("url") == _TRANSLATION and isinstance(language, str) and isinstance(name, str):
            yield language, name


def _reference(value: object) -> str:
    return str(value.get("reference")) if isinstance(value, dict) else ""


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _object(text: object) -> dict[str, Any]:
    try:
        return strict_json.read_object(text if isinstance(text, str) else "null")
    except ValueError as fault:
        raise Malformed(f"it is {fault}") from fault
