"""People for the messages of the tests, and how hypothesis makes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom

NORA = Demographics(
    identifiers=(Identifier("A-4711", "2.999.10.100"),),
    names=(
        Name(family="Halvorsen", given=("Nora", "Marie"), use="L"),
        Name(family="哈", given=("諾拉",), script="IDE"),
    ),
    sex="F",
    birth_date=BirthDate(value="19720415"),
    addresses=(Address(lines=("7 Quay Road",), city="Norwick", postal_code="90210", country="NO", use="H"),),
    telecoms=(Telecom(value="tel:+47-555-0100", use="HP"),),
    mothers_maiden_name="Østby & Søn",
    birth_place="Tromsø",
    birth_address=Address(city="Tromsø", country="NO"),
    multiple_birth=True,
    birth_order=2,
    deceased=False,
)

_words = st.text(st.characters(categories=("L", "Nd"), include_characters="&<>\"'-"), min_size=1, max_size=12)
_oids = st.from_regex(r"2\.(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){1,4}", fullmatch=True)
identifiers = st.builds(Identifier, _words, _oids)
names = st.builds(
    Name,
    family=_words,
    given=st.lists(_words, max_size=3).map(tuple),
    prefix=st.just("") | _words,
    suffix=st.just("") | _words,
    use=st.sampled_from(("", "L", "P", "A")),
    script=st.sampled_from(("", "ABC", "IDE", "SYL")),
)
addresses = st.builds(
    Address,
    lines=st.lists(_words, min_size=1, max_size=3).map(tuple),
    city=st.just("") | _words,
    state=st.just("") | _words,
    postal_code=st.just("") | _words,
    country=st.just("") | _words,
    use=st.sampled_from(("", "H", "WP")),
)
people = st.builds(
    Demographics,
    identifiers=st.lists(identifiers, max_size=4, unique=True).map(tuple),
    names=st.lists(names, min_size=1, max_size=3).map(tuple),
    sex=st.sampled_from(("", "F", "M", "UN")),
    birth_date=st.none() | st.builds(BirthDate, value=st.sampled_from(("1980", "198002", "19800229"))),
    addresses=st.lists(addresses, max_size=2).map(tuple),
    telecoms=st.lists(
        st.builds(Telecom, value=st.just("tel:+1-555-0100"), use=st.sampled_from(("", "H"))), max_size=2
    ).map(tuple),
    mothers_maiden_name=st.just("") | _words,
    birth_place=st.just("") | _words,
    birth_address=st.none() | addresses,
)
