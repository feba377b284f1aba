"""Who takes part in the story: one patient, three institutions, their clinicians. All invented; OIDs are of the
example arc 2.999."""

from __future__ import annotations

from typing import Final

from scripts.demo_content.cda import Organization, Patient, Person

HOSPITAL: Final = Organization(
    oid="2.999.10.1",
    name="Riverside General Hospital 江畔综合医院",
    telephone="+86-571-5550-1000",
    street="88 Riverside Avenue 江畔大道88号",
    city="Hangzhou 杭州",
    country="CN",
)
CLINIC: Final = Organization(
    oid="2.999.10.2",
    name="Maple Street Clinic 枫林社区诊所",
    telephone="+86-571-5550-2000",
    street="12 Maple Street 枫林路12号",
    city="Hangzhou 杭州",
    country="CN",
)
LABORATORY: Final = Organization(
    oid="2.999.10.3",
    name="Northern Lights Laboratory 北辰医学检验所",
    telephone="+86-571-5550-3000",
    street="5 Observatory Road 观象路5号",
    city="Hangzhou 杭州",
    country="CN",
)

PATIENT: Final = Patient(
    given="Mei",
    family="Lin",
    other_name="林梅",
    gender="F",
    born="19660412",
    street="7 Willow Lane 柳巷7号",
    city="Hangzhou 杭州",
    country="CN",
    telephone="+86-571-5550-7788",
    numbers={"2.999.10.1": "RGH-204417", "2.999.10.2": "MSC-0931", "2.999.10.3": "NL-771204"},
)

GENERAL_PRACTITIONER: Final = Person(number="C-11", given="Anna", family="Hoffmann", title="Dr.")
NURSE: Final = Person(number="C-23", given="静 Jing", family="赵 Zhao")
CARDIOLOGIST: Final = Person(number="H-301", given="伟 Wei", family="陈 Chen", title="Dr.")
RADIOLOGIST: Final = Person(number="H-512", given="Miguel", family="Santos", title="Dr.")
PATHOLOGIST: Final = Person(number="L-07", given="丽 Li", family="孙 Sun", title="Dr.")
