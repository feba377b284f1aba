"""Invented people and what registration desks make of them, after FEBRL's generator (Christen 2005), in several scripts.

Households share family name, address, telephone and the children's mother; there are twins, some with nearly one name,
fathers and sons of one name, and strangers who share name, sex and birth date. Every duplicate comes from another
source, with one to four errors: typing, sound, missing fields, exchanged names and dates, moves, marriages, scripts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from registry.patients.demographics import Address, BirthDate, Demographics, Identifier, Name, Telecom

NATIONAL = "2.999.77"
SOURCES = tuple(f"2.999.1.{number}" for number in range(6))

# culture: families, women, men; "native=latin" where the script is not Latin
CULTURES = {
    "english": (
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts Green Hall Wood Jackson Clarke Harris Clark Lewis Young King Baker Turner Hill Scott Cooper Morris Moore Ward Watson Morgan Bell Murphy Bailey Reid Fletcher Holloway Pemberton",
        "Mary Margaret Susan Elizabeth Sarah Patricia Jennifer Catherine Helen Emma Olivia Charlotte Grace Amelia Emily Jessica Lucy Rebecca Hannah Alice",
        "John David Michael Peter Robert James William Thomas Daniel Christopher Matthew Andrew Paul Stephen George Edward Jack Oliver Henry Samuel",
    ),
    "german": (
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Krause Meier Lehmann Köhler Maier Jäger Größmann Feuerstein",
        "Anna Ursula Monika Petra Elisabeth Sabine Renate Helga Karin Brigitte Jürgine Käthe Lena Lea Mia Hannah Sophie Marie",
        "Peter Wolfgang Michael Werner Klaus Thomas Manfred Helmut Jürgen Heinz Günther Stefan Andreas Björn Lukas Leon Finn Jonas Paul",
    ),
    "spanish": (
        "García~Márquez Rodríguez~López González~Pérez Fernández~Díaz López~Ruiz Martínez~Sánchez Sánchez~Gil Pérez~Romero Gómez~Vega Martín~Ortega Jiménez~Núñez Ruiz~Blanco Hernández~Mora Díaz~Castro Moreno~Rubio Muñoz~Serrano Álvarez~Ramos Romero~Gil Alonso~Iglesias Gutiérrez~Cano",
        "María Carmen Ana Isabel Laura Cristina Marta Dolores Lucía Pilar Elena Raquel Sofía Rosario Inés",
        "Antonio José Manuel Francisco Juan Javier Carlos Miguel Rafael Pedro Ángel Alejandro Fernando Pablo Sergio",
    ),
    "chinese": (
        "王=Wang 李=Li 张=Zhang 刘=Liu 陈=Chen 杨=Yang 黄=Huang 赵=Zhao 吴=Wu 周=Zhou 徐=Xu 孙=Sun 马=Ma 朱=Zhu 胡=Hu 林=Lin 郭=Guo 何=He 高=Gao 罗=Luo 郑=Zheng 梁=Liang 谢=Xie 宋=Song 唐=Tang",
        "丽=Li 敏=Min 静=Jing 秀英=Xiuying 芳=Fang 娜=Na 小红=Xiaohong 玉兰=Yulan 婷婷=Tingting 雪梅=Xuemei 美玲=Meiling 燕=Yan",
        "伟=Wei 强=Qiang 磊=Lei 军=Jun 洋=Yang 勇=Yong 建国=Jianguo 志强=Zhiqiang 小明=Xiaoming 文龙=Wenlong 海涛=Haitao 杰=Jie",
    ),
    "russian": (
        "Иванов=Ivanov Смирнов=Smirnov Кузнецов=Kuznetsov Попов=Popov Васильев=Vasilyev Петров=Petrov Соколов=Sokolov Михайлов=Mikhaylov Новиков=Novikov Фёдоров=Fedorov Морозов=Morozov Волков=Volkov Алексеев=Alekseev Лебедев=Lebedev Щербаков=Shcherbakov Зайцев=Zaytsev",
        "Елена=Elena Ольга=Olga Наталья=Natalya Татьяна=Tatyana Ирина=Irina Екатерина=Ekaterina Мария=Maria Светлана=Svetlana Людмила=Lyudmila Анна=Anna",
        "Александр=Aleksandr Сергей=Sergey Владимир=Vladimir Андрей=Andrey Алексей=Aleksey Юрий=Yuri Дмитрий=Dmitri Николай=Nikolay Михаил=Mikhail Пётр=Petr",
    ),
    "arabic": (
        "أحمد=Ahmad حسن=Hassan علي=Ali إبراهيم=Ibrahim خليل=Khalil منصور=Mansour حداد=Haddad نجار=Najjar خوري=Khoury صالح=Saleh عثمان=Othman يوسف=Youssef سليمان=Suleiman",
        "فاطمة=Fatima مريم=Maryam زينب=Zeinab ليلى=Layla نور=Nour سارة=Sara هدى=Huda رنا=Rana",
        "محمد=Mohammed محمود=Mahmoud أحمد=Ahmed عمر=Omar يوسف=Yousef خالد=Khaled حسين=Hussein طارق=Tarek سمير=Samir",
    ),
}
TWINS = [
    ("Maria", "F", "Marie", "F"), ("Anna", "F", "Hanna", "F"), ("Jan", "M", "Jana", "F"), ("Erik", "M", "Erika", "F"),
    ("Christian", "M", "Christina", "F"), ("Jon", "M", "Ron", "M"), ("Lena", "F", "Lea", "F"), ("Tim", "M", "Tom", "M"),
    ("Karl", "M", "Karla", "F"), ("Mia", "F", "Lia", "F"), ("Julian", "M", "Juliana", "F"), ("Nora", "F", "Nina", "F"),
]  # fmt: skip
STREETS = ["Quay", "Mill", "Church", "Station", "Park", "High", "Chapel", "Garden", "Linden", "Bahnhof", "Kirch", "Schul", "Berg", "Wald", "Calle~Mayor", "Nanjing", "Lenina", "Harbour", "Castle", "Victoria", "Oak", "Cedar", "Orchard", "Meadow"]  # fmt: skip
TOWNS = [(f"{code}{number:02d}", town) for code, town in [("901", "Norwick"), ("102", "Altdorf"), ("280", "Villanueva"), ("200", "Pudong"), ("190", "Pskov"), ("110", "Aleppo")] for number in range(12)]  # fmt: skip
KEYBOARD = {"a": "sq", "e": "wr", "i": "uo", "o": "ip", "n": "bm", "m": "n", "r": "et", "s": "ad", "t": "ry", "l": "k"}
HEARD = [("ph", "f"), ("ck", "k"), ("th", "t"), ("sch", "sh"), ("ei", "ai"), ("y", "i"), ("v", "w"), ("z", "s"), ("c", "k"), ("ou", "u"), ("ll", "l"), ("ss", "s"), ("h", "")]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as a source has it, and whose it is."""

    identifier: Identifier
    person: Demographics
    true: int


def population(originals: int, *, seed: int) -> list[Entry]:
    """`originals` people, each once, and one to five duplicates of each from other sources, in a random order."""
    chance = random.Random(seed)
    people: list[Demographics] = []
    while len(people) < originals:
        people += household(chance)
        if chance.random() < 0.05:
            people.append(stranger(chance, chance.choice(people)))
    entries: list[Entry] = []
    for number, person in enumerate(people[:originals]):
        whole = replace(person, identifiers=(Identifier(f"N{number:09d}", NATIONAL),) if chance.random() < 0.6 else ())
        entries.append(Entry(Identifier(f"P{number}", SOURCES[0]), in_one_script(chance, whole), number))
        for source in range(1, chance.randint(1, 5) + 1):
            entries.append(Entry(Identifier(f"P{number}", SOURCES[source]), damaged(chance, whole), number))
    chance.shuffle(entries)
    return entries


def household(chance: random.Random) -> list[Demographics]:
    """Parents, children, twins at one address."""
    families, women, men = (part.split() for part in CULTURES[chance.choice(list(CULTURES))])
    family, maiden = chance.choice(families), chance.choice(families)
    if not any("=" in name for name in families) and chance.random() < 0.5:
        family += chance.choice(["son", "er", "feld", "ton", "s", "mann", "by"])
    code, town = chance.choice(TOWNS)
    line = f"{chance.choice(STREETS).replace('~', ' ')} Street {chance.randint(1, 180)}"
    shared = {
        "addresses": (Address(lines=(line,), city=town, postal_code=code),),
        "telecoms": (Telecom(value=f"tel:+1-555-{chance.randint(10**6, 10**7 - 1)}"),),
    }
    year = chance.randint(1935, 1995)
    father, mother = chance.choice(men), chance.choice(women)
    members = [
        made(chance, family, father, "M", born(chance, year), **shared),
        made(chance, family, mother, "F", born(chance, year + 2), **shared),
    ][: chance.randint(1, 2)]
    shared["mothers_maiden_name"] = maiden.split("=")[-1].replace("~", " ")
    for _ in range(chance.choice([0, 0, 1, 1, 2])):
        sex = chance.choice("FM")
        given = father if sex == "M" and chance.random() < 0.1 else chance.choice(women if sex == "F" else men)
        date = born(chance, year + chance.randint(20, 38))
        members.append(made(chance, family, given, sex, date, **shared))
        if chance.random() < 0.2:
            members.pop()
            one, one_sex, other, other_sex = _twin_names(chance, women, men)
            order = chance.random() < 0.3
            members.append(made(chance, family, one, one_sex, date, birth_order=1 if order else None, **shared))
            members.append(made(chance, family, other, other_sex, date, birth_order=2 if order else None, **shared))
    return members


def _twin_names(chance: random.Random, women: list[str], men: list[str]) -> tuple[str, str, str, str]:
    if chance.random() < 0.5:
        return chance.choice(TWINS)
    return chance.choice(women), "F", chance.choice(men), "M"


def made(chance: random.Random, family: str, given: str, sex: str, date: str, **more: object) -> Demographics:
    return Demographics(
        names=(Name(family=family.replace("~", " "), given=(given,)),),
        sex=sex,
        birth_date=BirthDate(value=date),
        **more,  # type: ignore[arg-type]
    )


def born(chance: random.Random, year: int) -> str:
    return f"{year}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"


def stranger(chance: random.Random, other: Demographics) -> Demographics:
    """Somebody else with the name, sex and birth date of `other`."""
    code, town = chance.choice(TOWNS)
    line = f"{chance.choice(STREETS).replace('~', ' ')} Street {chance.randint(200, 380)}"
    telecom = Telecom(value=f"tel:+1-555-{chance.randint(10**6, 10**7 - 1)}")
    address = Address(lines=(line,), city=town, postal_code=code)
    return replace(other, addresses=(address,), telecoms=(telecom,), mothers_maiden_name="", birth_order=None)


def damaged(chance: random.Random, person: Demographics) -> Demographics:
    """One to four errors, and the names in one script or the other."""
    person = in_one_script(chance, person)
    for _ in range(chance.choice([1, 1, 2, 2, 3, 4])):
        person = chance.choice(DAMAGES)(chance, person)
    if chance.random() < 0.5:
        person = replace(person, identifiers=())
    return person


def _renamed(person: Demographics, **parts: object) -> Demographics:
    return replace(person, names=(replace(person.names[0], **parts),))  # type: ignore[arg-type]


def typed(chance: random.Random, word: str) -> str:
    if len(word) < 3:
        return word
    place = chance.randrange(1, len(word) - 1)
    return chance.choice(
        [
            word[:place] + word[place + 1 :],
            word[:place] + word[place] + word[place:],
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            word[:place] + chance.choice(KEYBOARD.get(word[place], "x")) + word[place + 1 :],
        ]
    )


def heard(chance: random.Random, word: str) -> str:
    found = [(a, b) for a, b in HEARD if a in word]
    return word.replace(*chance.choice(found), 1) if found else word


def _family(change: Callable[[random.Random, str], str]) -> Callable[[random.Random, Demographics], Demographics]:
    return lambda chance, person: _renamed(person, family=change(chance, person.names[0].family))


def _given(change: Callable[[random.Random, str], str]) -> Callable[[random.Random, Demographics], Demographics]:
    return lambda chance, person: _renamed(person, given=(change(chance, person.names[0].given[0]),))


def swapped(_: random.Random, person: Demographics) -> Demographics:
    name = person.names[0]
    return _renamed(person, family=name.given[0], given=(name.family,))


def date_exchanged(_: random.Random, person: Demographics) -> Demographics:
    if not person.birth_date or len(person.birth_date.value) < 8 or person.birth_date.value[6:] > "12":
        return person
    value = person.birth_date.value
    return replace(person, birth_date=BirthDate(value=value[:4] + value[6:] + value[4:6]))


def date_typed(chance: random.Random, person: Demographics) -> Demographics:
    if not person.birth_date or len(person.birth_date.value) < 8:
        return person
    year, month, day = (int(person.birth_date.value[a:b]) for a, b in ((0, 4), (4, 6), (6, 8)))
    part = chance.randrange(3)
    year, month, day = (year + chance.choice([-1, 1, 10]), month, day) if part == 0 else (year, month, day)
    month = chance.randint(1, 12) if part == 1 else month
    day = chance.randint(1, 28) if part == 2 else day
    return replace(person, birth_date=BirthDate(value=f"{year}{month:02d}{day:02d}"))


def date_vague(chance: random.Random, person: Demographics) -> Demographics:
    if not person.birth_date:
        return person
    year = person.birth_date.value[:4]
    return replace(
        person,
        birth_date=chance.choice([None, BirthDate(value=year), BirthDate(value=f"{int(year) + 1}", estimated=True)]),
    )


def moved(chance: random.Random, person: Demographics) -> Demographics:
    code, town = chance.choice(TOWNS)
    line = f"{chance.choice(STREETS).replace('~', ' ')} Street {chance.randint(1, 180)}"
    return replace(person, addresses=(Address(lines=(line,), city=town, postal_code=code),))


def address_typed(chance: random.Random, person: Demographics) -> Demographics:
    if not person.addresses:
        return person
    first = person.addresses[0]
    return replace(person, addresses=(replace(first, lines=(typed(chance, first.lines[0]),)),))


def without(field: str, value: object) -> Callable[[random.Random, Demographics], Demographics]:
    return lambda _, person: replace(person, **{field: value})


def married(chance: random.Random, person: Demographics) -> Demographics:
    return _renamed(person, family=chance.choice(CULTURES["english"][0].split())) if person.sex == "F" else person


def half_a_family(_: random.Random, person: Demographics) -> Demographics:
    return _renamed(person, family=person.names[0].family.split()[0])


DAMAGES: list[Callable[[random.Random, Demographics], Demographics]] = [
    _family(typed), _family(typed), _family(heard), _given(typed), _given(heard), swapped, date_exchanged, date_typed,
    date_vague, moved, moved, address_typed, address_typed, without("telecoms", ()), without("telecoms", ()),
    without("sex", ""), without("addresses", ()), without("mothers_maiden_name", ""), married, half_a_family,
]  # fmt: skip


def in_one_script(chance: random.Random, person: Demographics) -> Demographics:
    """`native=latin` names in one of the two."""

    def chosen(text: str) -> str:
        native, _, latin = text.partition("=")
        return (latin if chance.random() < 0.5 else native) if latin else text

    name = person.names[0]
    return _renamed(person, family=chosen(name.family), given=tuple(chosen(item) for item in name.given))
