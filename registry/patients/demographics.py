"""Who a patient is: names, sex, birth, places, numbers, identifiers. Pure values; where they come from does not show.

Every attribute may be empty: what a source did not say is unknown, never guessed. Readers check and bound what they
take in; here nothing is checked, so that a strange value can be held in order to explain it.
Source: PID of HL7 v2.5: 3.4.2; PRPA_MT201301UV02 (Patient, Person); ITI TF-2: 3.44, 3.47, 3.55.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from registry.metadata.values import Cx


class Identifier(NamedTuple):
    """An identifier and the OID of the authority that assigned it: CX-1 and CX-4.2, or II extension and root."""

    id: str
    authority: str

    @classmethod
    def of(cls, cx: str) -> Identifier:
        """Take `ID^^^&OID&ISO` apart.

        Raises:
            ValueError: it is anything else.
        """
        found = Cx.parse(cx)
        if found is None:
            raise ValueError("not ID^^^&OID&ISO")
        return cls(found.id, found.authority)

    @property
    def cx(self) -> str:
        """The form that stands in metadata, `ID^^^&OID&ISO`."""
        return Cx(self.id, self.authority).render()


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name of a person in its parts; `family` is whole, however many words it has.

    `use` is HL7's EntityNameUse (L legal, P pseudonym, A artist, …) and `script` one of ABC, IDE, SYL; "" unknown.
    """

    family: str = ""
    given: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    use: str = ""
    script: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BirthDate:
    """A date of birth as precise as it is known: `value` is YYYY, YYYYMM or YYYYMMDD; `estimated` if it is a guess."""

    value: str
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A postal address; `earlier` if nobody lives there any more. `use` is HL7's PostalAddressUse (H, WP, TMP, …)."""

    lines: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    use: str = ""
    earlier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Telecom:
    """A URI such as `tel:+1-555-0100` or `mailto:nora@alpha.example`; `use` is HL7's TelecommunicationAddressUse."""

    value: str
    use: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """A person as one source describes it; the first name, address and telecom are the preferred ones.

    `sex` is HL7's AdministrativeGender: F, M, UN (neither), "" unknown. `birth_order` counts from 1 among those born
    together. `deceased_time` is digits as in `BirthDate.value`, or longer, to seconds.
    """

    identifiers: tuple[Identifier, ...] = ()
    names: tuple[Name, ...] = ()
    sex: str = ""
    birth_date: BirthDate | None = None
    addresses: tuple[Address, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    mothers_maiden_name: str = ""
    birth_place: str = ""
    birth_address: Address | None = None
    multiple_birth: bool | None = None
    birth_order: int | None = None
    deceased: bool | None = None
    deceased_time: str = ""
