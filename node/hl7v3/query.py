"""Query by demographics, PRPA_MT201306UV02: the parameter list of ITI-47 and ITI-55, as Demographics and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from node.hl7v3.datatypes import (
    V3,
    Ii,
    attribute,
    bounded,
    child,
    named,
    plain,
    read_address,
    read_birth_date,
    read_ii,
    read_name,
    read_telecom,
    write_address,
    write_ii,
    write_name,
    write_telecom,
)
from node.hl7v3.person import GENDER, birth_digits, read_sex
from node.hl7v3.wrapper import NO_ID, BadMessage, Party, Wrapper, control_act, write_message
from node.soap.writing import escape
from registry.patients.demographics import Demographics, Name

QUERY: Final = "PRPA_IN201305UV02"
_TRIGGER: Final = "PRPA_TE201305UV02"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemographicsQuery:
    """A query by demographics.

    `element` is hl7:queryByParameter as it came, to be echoed; `priority` is I or D; `minimum` is minimumDegreeMatch,
    0 where it is absent; `scopes` are the OIDs of otherIDsScopingOrganization; `care_providers` those of
    principalCareProviderId; `quantity` is initialQuantity, None where it is absent. `wildcards` says that a name is to
    be searched (use SRCH). `query_back` are the ids of the assignedDevice of authorOrPerformer.
    """

    wrapper: Wrapper
    query_id: Ii
    person: Demographics
    element: etree._Element
    priority: str = "I"
    minimum: int = 0
    quantity: int | None = None
    scopes: tuple[str, ...] = ()
    care_providers: tuple[Ii, ...] = ()
    wildcards: bool = False
    query_back: tuple[Ii, ...] = ()

    @classmethod
    def unread(cls, root: etree._Element) -> DemographicsQuery:
        """What can be repeated of a message that cannot be read."""
        query = child(root, "controlActProcess", "queryByParameter")
        empty = etree.Element(f"{{{V3}}}queryByParameter")
        wrapper = Wrapper(
            interaction=QUERY,
            id=read_ii(child(root, "id")),
            sender=Party(device=NO_ID),
            receiver=Party(device=NO_ID),
        )
        return cls(wrapper=wrapper, query_id=NO_ID, person=Demographics(), element=empty if query is None else query)


def read_query(wrapper: Wrapper) -> DemographicsQuery:
    """Read the control act of a PRPA_IN201305UV02.

    Raises:
        BadMessage: no queryByParameter, or no queryId.
    """
    element = child(wrapper.act, "queryByParameter")
    if element is None:
        raise BadMessage("the message has no queryByParameter")
    query_id = read_ii(child(element, "queryId"))
    if not query_id.root:
        raise BadMessage("the query has no queryId")
    parameters = child(element, "parameterList")
    names = [] if parameters is None else list(_values(parameters, "livingSubjectName"))
    quantity = attribute(child(element, "initialQuantity"), "value")
    minimum = attribute(child(element, "matchCriterionList", "minimumDegreeMatch", "value"), "value")
    author = child(wrapper.act, "authorOrPerformer", "assignedDevice")
    return DemographicsQuery(
        wrapper=wrapper,
        query_id=query_id,
        person=Demographics() if parameters is None else _person(parameters),
        element=element,
        priority=attribute(child(element, "responsePriorityCode"), "code") or "I",
        minimum=min(100, int(minimum)) if _is_number(minimum) else 0,
        quantity=int(quantity) if _is_number(quantity) else None,
        scopes=tuple(read_ii(one).root for one in _values(parameters, "otherIDsScopingOrganization")),
        care_providers=tuple(read_ii(one) for one in _values(parameters, "principalCareProviderId")),
        wildcards=any("SRCH" in attribute(one, "use").split() for one in names),
        query_back=tuple(read_ii(one) for one in named(author, "id")) if author is not None else (),
    )


def _person(parameters: etree._Element) -> Demographics:
    def some(name: str) -> Iterator[etree._Element]:
        return _values(parameters, name)

    ids = [read_ii(one).identifier for one in (*some("livingSubjectId"), *some("LivingSubjectId"))]
    names = [read_name(one) for one in some("livingSubjectName")]
    births = [read_birth_date(one) for one in some("livingSubjectBirthTime")]
    mothers = [read_name(one) for one in some("mothersMaidenName")]
    places = [read_address(one) for one in some("livingSubjectBirthPlaceAddress")]
    sexes = [read_sex(one) for one in some("livingSubjectAdministrativeGender")]
    addresses = [read_address(one) for one in some("patientAddress")]
    telecoms = [read_telecom(one) for one in some("patientTelecom")]
    return Demographics(
        identifiers=tuple(one for one in ids if one is not None),
        names=tuple(one for one in names if one is not None),
        sex=next((one for one in sexes if one), ""),
        birth_date=next((one for one in births if one is not None), None),
        addresses=tuple(one for one in addresses if one is not None),
        telecoms=tuple(one for one in telecoms if one is not None),
        mothers_maiden_name=next((one.family or " ".join(one.given) for one in mothers if one is not None), ""),
        birth_place=next((plain(one) for one in some("livingSubjectBirthPlaceName") if plain(one)), ""),
        birth_address=next((one for one in places if one is not None), None),
    )


def _values(parameters: etree._Element | None, name: str) -> Iterator[etree._Element]:
    if parameters is not None:
        for parameter in bounded(named(parameters, name)):
            yield from bounded(named(parameter, "value"))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def write_query(wrapper: Wrapper, *, now: datetime, query: str, query_back: Ii | None = None) -> bytes:
    """A whole PRPA_IN201305UV02 that asks for a person.

    Args:
        wrapper: its id, sender and receiver.
        now: its creationTime.
        query: what `query_parameters` wrote.
        query_back: assigning authority of the identifier under which the asker may be asked in return.
    """
    author = ""
    if query_back is not None:
        author = (
            '<authorOrPerformer typeCode="AUT"><assignedDevice classCode="ASSIGNED">'
            f"{write_ii('id', query_back)}</assignedDevice></authorOrPerformer>"
        )
    return write_message(
        QUERY,
        id_=wrapper.id,
        now=now,
        sender=wrapper.sender,
        receiver=wrapper.receiver,
        accept="AL",
        act=control_act(_TRIGGER, author + query),
        respond_to=wrapper.respond_to,
    )


def query_parameters(query_id: Ii, person: Demographics, *, priority: str = "I") -> str:
    """The queryByParameter for a person, every identifier of whom is a livingSubjectId; `query_id` is repeated back.

    `priority`: I for an answer at once, D for a deferred one.
    """
    return (
        f'<queryByParameter xmlns="{V3}">{write_ii("queryId", query_id)}<statusCode code="new"/>'
        f'<responseModalityCode code="R"/><responsePriorityCode code="{priority}"/>'
        f"<parameterList>{_parameters(person)}</parameterList></queryByParameter>"
    )


def _parameters(person: Demographics) -> str:
    parts = []
    if person.sex:
        value = f'<value code="{escape(person.sex)}" codeSystem="{GENDER}"/>'
        parts.append(_parameter("livingSubjectAdministrativeGender", "LivingSubject.administrativeGender", value))
    if person.birth_address:
        value = write_address(person.birth_address, "value")
        parts.append(_parameter("livingSubjectBirthPlaceAddress", "LivingSubject.BirthPlace.Addr", value))
    if person.birth_place:
        value = f"<value>{escape(person.birth_place)}</value>"
        parts.append(_parameter("livingSubjectBirthPlaceName", "LivingSubject.BirthPlace.Place.Name", value))
    if person.birth_date:
        value = f'<value value="{birth_digits(person.birth_date)}"/>'
        parts.append(_parameter("livingSubjectBirthTime", "LivingSubject.birthTime", value))
    for one in person.identifiers:
        value = write_ii("value", Ii(one.authority, one.id))
        parts.append(_parameter("livingSubjectId", "LivingSubject.id", value))
    if person.names:
        value = "".join(write_name(name, "value") for name in person.names)
        parts.append(_parameter("livingSubjectName", "LivingSubject.name", value))
    if person.mothers_maiden_name:
        value = write_name(Name(family=person.mothers_maiden_name), "value")
        parts.append(_parameter("mothersMaidenName", "Person.MothersMaidenName", value))
    if person.addresses:
        value = "".join(write_address(one, "value") for one in person.addresses)
        parts.append(_parameter("patientAddress", "Patient.addr", value))
    if person.telecoms:
        value = "".join(write_telecom(one, "value") for one in person.telecoms)
        parts.append(_parameter("patientTelecom", "Patient.telecom", value))
    return "".join(parts)


def _parameter(name: str, semantics: str, value: str) -> str:
    return f"<{name}>{value}<semanticsText>{semantics}</semanticsText></{name}>"
