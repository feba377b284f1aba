"""Under which words a person is told to locators and looked up there. Pure; what leaves the node is made of them only.

Each word holds more than a name, so that few others share it, and bears another mistake than the others do:

    id       an identifier that somebody else may have as well     any difference in name and date
    date     family name, initial, whole date of birth             another form of the given name
    month    both names in either order, month of birth            a wrong day, names exchanged
    contact  given name, telephone number or e-mail address        another family name or date of birth
    place    given name, whole date of birth, postcode or town     another family name, no telephone number

Names count as they sound (`names.sound`). Somebody of whom too little is known for any word cannot be located.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations, product
from typing import Final

from registry.patients.demographics import Demographics, Identifier
from registry.patients.names import sound
from registry.patients.profile import NameWords, Profile, profile

MOST_WORDS: Final = 40  # of one record
_NAMES: Final = 4
_CONTACTS: Final = 4


def words_of(person: Demographics) -> tuple[str, ...]:
    """Every word of a person, `person.identifiers` among them; each once."""
    return tuple(dict.fromkeys(word for kind in _kinds(profile(person), person) for word in kind))[:MOST_WORDS]


def words_to_ask(person: Demographics, own: Identifier, *, shared: bool) -> tuple[str, ...]:
    """One word of each kind for who looks a person up, `own` being the identifier here.

    `shared`: other institutions use identifiers of the same authority.
    """
    others = [one for one in person.identifiers if one.authority != own.authority]
    _, *kinds = _kinds(profile(person), person)
    ids = [_id(one) for one in ([own] if shared else []) + others[:1]]
    return tuple(dict.fromkeys([*ids, *(kind[0] for kind in kinds if kind)]))


def _kinds(prepared: Profile, person: Demographics) -> tuple[list[str], ...]:
    contacts = sorted(prepared.contacts)[:_CONTACTS]
    places = [place for one in prepared.addresses[:_CONTACTS] if (place := one.postal_code or one.city)]
    names = prepared.names[:_NAMES]
    date = "" if person.birth_date is None or person.birth_date.estimated else person.birth_date.value
    days = "".join(sorted((date[4:6], date[6:8]))) if len(date) >= 8 else ""
    pairs = [pair for name in names for pair in _pairs(name)]
    return (
        [_id(one) for one in person.identifiers],
        list(dict.fromkeys(f"date {family} {given[0]} {date[:4]} {days}" for family, given in pairs if days)),
        list(dict.fromkeys(f"month {' '.join(sorted(pair))} {date[:6]}" for pair in pairs if len(date) >= 6)),
        list(dict.fromkeys(f"contact {given} {contact}" for _, given in pairs for contact in contacts)),
        list(
            dict.fromkeys(f"place {given} {date[:4]} {days} {place}" for _, given in pairs for place in places if days)
        ),
    )


def _pairs(name: NameWords) -> Iterator[tuple[str, str]]:
    """Family and given name, as they sound. Where both stand in one field, either end of it may be either."""
    found: Iterable[tuple[str, ...]] = product(
        (*name.family[:3], "".join(name.family)), (*name.given[:2], "".join(name.given[:2]))
    )
    if not (name.family and name.given):
        whole = name.family or name.given
        found = permutations(dict.fromkeys((*whole[-1:], *whole[:2])), 2)
    for one, other in found:
        if sound(one) and sound(other):
            yield sound(one), sound(other)


def _id(identifier: Identifier) -> str:
    return f"id {identifier.authority} {identifier.id}"
