"""What a simulated community says of persons (ITI-55) and, as a locator, of who knows a patient (ITI-56).

As in `community`, none of the node's codecs is used. Who it knows is compared by family name, given name and date of
birth as they are written: it is a community, not a matching engine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web
from lxml import etree

from tests.end_to_end.wire import NS, urn

if TYPE_CHECKING:
    from tests.simulator.community import Asked, Community

V3 = "urn:hl7-org:v3"
XCPD = "urn:ihe:iti:xcpd:2009"
_H = {"h": V3, "x": XCPD}
ACTIONS = {
    "iti-55": "urn:hl7-org:v3:PRPA_IN201306UV02:CrossGatewayPatientDiscovery",
    "iti-56": "urn:ihe:iti:2009:PatientLocationQueryResponse",
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who is known, under the identifier (root, extension) of this community."""

    root: str
    extension: str
    family: str
    given: str
    birth: str
    sex: str = "F"
    street: str = ""
    city: str = ""
    phone: str = ""

    @property
    def cx(self) -> str:
        return f"{self.extension}^^^&{self.root}&ISO"

    def xml(self) -> str:
        """hl7:patient."""
        telecom = f"<telecom value={quoteattr(self.phone)}/>" if self.phone else ""
        street = f"<streetAddressLine>{escape(self.street)}</streetAddressLine><city>{escape(self.city)}</city>"
        return (
            f'<patient classCode="PAT"><id root="{self.root}" extension="{self.extension}"/>'
            '<statusCode code="active"/><patientPerson classCode="PSN" determinerCode="INSTANCE">'
            f"<name><given>{escape(self.given)}</given><family>{escape(self.family)}</family></name>{telecom}"
            f'<administrativeGenderCode code="{self.sex}" codeSystem="2.16.840.1.113883.5.1"/>'
            f'<birthTime value="{self.birth}"/><addr>{street}</addr></patientPerson>'
            '<subjectOf1><queryMatchObservation classCode="COND" moodCode="EVN"><code code="IHE_PDQ"/>'
            '<value xsi:type="INT" value="95"/></queryMatchObservation></subjectOf1></patient>'
        )


@dataclass
class Locating:
    """What a community knows of persons, and of who else knows them (tokens, by hexadecimal extension)."""

    people: list[Person] = field(default_factory=list)
    located: dict[str, list[str]] = field(default_factory=dict)
    told: list[dict] = field(default_factory=list)  # what holders have sent, as it came
    holder: str = ""  # who tells
    away: bool = False  # nothing can be told to it
    lost: bool = False  # it has dropped what it was told, and says so to whoever believes otherwise
    days: int = 7  # that an answer may be kept


def discovered(community: Community, asked: Asked) -> web.Response:
    """ITI-55: whoever has the names and the date that are asked for."""
    names = {
        (one.findtext("h:family", "", _H), one.findtext("h:given", "", _H))
        for one in asked.body.iterfind(".//h:livingSubjectName/h:value", _H)
    }
    births = {one.get("value") for one in asked.body.iterfind(".//h:livingSubjectBirthTime/h:value", _H)}
    people = community.locating.people
    return person_answer(
        community, asked, [one for one in people if (one.family, one.given) in names and one.birth in births]
    )


def person_answer(community: Community, asked: Asked, found: list[Person], *, custodian: str = "") -> web.Response:
    """An answer to ITI-55 that names these persons, for behaviours that are made elsewhere too."""
    own = community.home.removeprefix("urn:oid:")
    request = asked.body
    id_, query = request.find("h:id", _H), request.find("h:controlActProcess/h:queryByParameter", _H)
    subjects = "".join(
        '<subject typeCode="SUBJ"><registrationEvent classCode="REG" moodCode="EVN"><id nullFlavor="NA"/>'
        f'<statusCode code="active"/><subject1 typeCode="SBJ">{one.xml()}</subject1><custodian typeCode="CST">'
        f'<assignedEntity classCode="ASSIGNED"><id root="{custodian or own}"/><code code="NotHealthDataLocator" '
        'codeSystem="1.3.6.1.4.1.19376.1.2.27.2"/></assignedEntity></custodian></registrationEvent></subject>'
        for one in found
    )
    query_id = query.find("h:queryId", _H)
    body = (
        f'<PRPA_IN201306UV02 xmlns="{V3}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ITSVersion="XML_1.0">'
        f'<id root="{own}" extension="{urn()[9:]}"/><creationTime value="20260301101501+0000"/>'
        '<interactionId root="2.16.840.1.113883.1.6" extension="PRPA_IN201306UV02"/><processingCode code="P"/>'
        '<processingModeCode code="T"/><acceptAckCode code="NE"/>'
        f"{_party('receiver', 'RCV', request.find('.//h:sender//h:representedOrganization/h:id', _H).get('root'))}"
        f"{_party('sender', 'SND', own)}"
        f'<acknowledgement><typeCode code="AA"/><targetMessage>{_copy(id_)}</targetMessage></acknowledgement>'
        '<controlActProcess classCode="CACT" moodCode="EVN"><code code="PRPA_TE201306UV02" '
        f'codeSystem="2.16.840.1.113883.1.6"/>{subjects}<queryAck>{_copy(query_id)}'
        f'<statusCode code="deliveredResponse"/><queryResponseCode code="{"OK" if found else "NF"}"/></queryAck>'
        f"{_copy(query)}</controlActProcess></PRPA_IN201306UV02>"
    )
    days = community.locating.days
    header = f'<x:CorrelationTimeToLive xmlns:x="{XCPD}">P{days}D</x:CorrelationTimeToLive>' if found and days else ""
    return _soap(asked, body, header)


def _party(name: str, code: str, root: str) -> str:
    return (
        f'<{name} typeCode="{code}"><device classCode="DEV" determinerCode="INSTANCE"><id root="{root}"/>'
        '<asAgent classCode="AGNT"><representedOrganization classCode="ORG" determinerCode="INSTANCE">'
        f'<id root="{root}"/></representedOrganization></asAgent></device></{name}>'
    )


def located(community: Community, asked: Asked) -> web.Response:
    """ITI-56: whom others named to this locator."""
    requested = asked.body.find("x:RequestedPatientId", _H)
    return location_answer(asked, community.locating.located.get(requested.get("extension"), []))


def location_answer(asked: Asked, homes: list[str]) -> web.Response:
    """An answer to ITI-56 that names these communities."""
    requested = asked.body.find("x:RequestedPatientId", _H)
    id_ = f'root="{requested.get("root")}" extension="{requested.get("extension")}"'
    parts = "".join(
        f"<x:PatientLocationResponse><x:HomeCommunityId>{home}</x:HomeCommunityId>"
        f"<x:CorrespondingPatientId {id_}/><x:RequestedPatientId {id_}/></x:PatientLocationResponse>"
        for home in homes
    )
    return _soap(asked, f'<x:PatientLocationQueryResponse xmlns:x="{XCPD}">{parts}</x:PatientLocationQueryResponse>')


async def told(community: Community, request: web.Request) -> web.Response:
    """A holder tells this locator of its patients; whoever made the community says who that is."""
    said = json.loads(await request.read())
    if community.locating.away:
        return web.Response(status=503)
    if community.locating.lost and said["complete"] and said["kept"]:
        community.locating.lost = False
        return web.Response(status=410)
    located = community.locating.located
    community.locating.told.append(said)
    if not community.locating.holder:
        return web.Response(status=204)
    for token, _ in said["add"]:
        located.setdefault(token, []).append(community.locating.holder)
    for token in said["remove"]:
        located[token].remove(community.locating.holder)
    return web.Response(status=204)


def _copy(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _soap(asked: Asked, body: str, header: str = "") -> web.Response:
    text = (
        f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:wsa="{NS["wsa"]}"><s:Header>'
        f'<wsa:Action s:mustUnderstand="1">{ACTIONS[asked.transaction]}</wsa:Action>'
        f"<wsa:MessageID>{urn()}</wsa:MessageID><wsa:RelatesTo>{escape(asked.message_id)}</wsa:RelatesTo>{header}"
        f"</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
    return web.Response(body=text.encode(), headers={"Content-Type": "application/soap+xml; charset=UTF-8"})
