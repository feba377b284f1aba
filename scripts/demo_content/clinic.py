"""What the clinic wrote: the first visit, the referral, the follow-up afterwards."""

# ruff: noqa: RUF001  (Chinese punctuation is meant)

from __future__ import annotations

from typing import Final

from scripts.demo_content.cda import ClinicalDocument, Code, Encounter, Section
from scripts.demo_content.people import GENERAL_PRACTITIONER, NURSE

_FIRST_VISIT: Final = Encounter(
    number="V-5521", code="AMB", display="ambulatory", start="20260302083000+0800", end="20260302091500+0800"
)
_FOLLOW_UP: Final = Encounter(
    number="V-5694", code="AMB", display="ambulatory", start="20260323100000+0800", end="20260323103000+0800"
)

CONSULTATION: Final = ClinicalDocument(
    number="CN-2026-0117",
    code=Code(code="11488-4", display="Consult note"),
    title="Consultation note: chest tightness on exertion",
    language="en-US",
    when="20260302091500+0800",
    author=GENERAL_PRACTITIONER,
    encounter=_FIRST_VISIT,
    sections=(
        Section(
            code=Code(code="10164-2", display="History of present illness"),
            title="History of present illness",
            paragraphs=(
                "Ms Lin (林梅), 59, reports pressing retrosternal discomfort when climbing stairs for the past three "
                "weeks, easing within five minutes of rest. No pain at rest, no syncope. "
                "患者自述近三周爬楼时胸闷，休息后缓解。",
            ),
        ),
        Section(
            code=Code(code="48765-2", display="Allergies and adverse reactions"),
            title="Allergies",
            points=("Penicillin: generalised rash in 2009 (confirmed) 青霉素：皮疹",),
        ),
        Section(
            code=Code(code="10160-0", display="History of medication use"),
            title="Medications",
            head=("Medicine", "Dose", "Since"),
            rows=(
                ("Amlodipine 氨氯地平", "5 mg once daily", "2022-06"),
                ("Metformin 二甲双胍", "500 mg twice daily", "2023-01"),
            ),
        ),
        Section(
            code=Code(code="8716-3", display="Vital signs"),
            title="Vital signs",
            head=("Measure", "Value"),
            rows=(("Blood pressure", "152/91 mmHg"), ("Heart rate", "84 /min, regular"), ("Weight", "68.4 kg")),
        ),
        Section(
            code=Code(code="51847-2", display="Assessment and plan"),
            title="Assessment and plan",
            points=(
                "Typical exertional angina, CCS class II; resting ECG without acute changes",
                "Troponin, lipids and HbA1c sent to the laboratory today",
                "Referral to cardiology for non-invasive imaging within one week",
            ),
        ),
    ),
)

REFERRAL: Final = ClinicalDocument(
    number="RL-2026-0042",
    code=Code(code="57133-1", display="Referral note"),
    title="转诊信：疑似稳定型心绞痛 Referral: suspected stable angina",
    language="zh-CN",
    when="20260303080000+0800",
    author=GENERAL_PRACTITIONER,
    encounter=_FIRST_VISIT,
    sections=(
        Section(
            code=Code(code="42349-1", display="Reason for referral"),
            title="转诊原因",
            paragraphs=(
                "患者林梅，女，59岁，劳力性胸闷三周，静息心电图无急性缺血改变，肌钙蛋白阴性。请贵院心内科评估冠状动脉病变。",
                "Please assess for coronary artery disease; CT angiography is requested if suitable.",
            ),
        ),
        Section(
            code=Code(code="11348-0", display="History of past illness"),
            title="既往史",
            points=("高血压病史四年", "2型糖尿病三年", "父亲56岁时患心肌梗死"),
        ),
        Section(
            code=Code(code="48765-2", display="Allergies and adverse reactions"),
            title="过敏史",
            points=("青霉素过敏（皮疹，2009年）",),
        ),
    ),
)

FOLLOW_UP: Final = ClinicalDocument(
    number="PN-2026-0260",
    code=Code(code="11506-3", display="Progress note"),
    title="Follow-up after coronary stenting 支架术后随访",
    language="en-US",
    when="20260323103000+0800",
    author=NURSE,
    encounter=_FOLLOW_UP,
    sections=(
        Section(
            code=Code(code="10164-2", display="History of present illness"),
            title="Since discharge",
            paragraphs=(
                "Two weeks after discharge from Riverside General Hospital. Walks 40 minutes daily without discomfort. "
                "术后两周，无胸闷，按时服药。",
            ),
        ),
        Section(
            code=Code(code="8716-3", display="Vital signs"),
            title="Vital signs",
            head=("Measure", "Value"),
            rows=(("Blood pressure", "128/79 mmHg"), ("Heart rate", "66 /min"), ("Puncture site", "healed")),
        ),
        Section(
            code=Code(code="18776-5", display="Plan of care note"),
            title="Plan",
            points=(
                "Lipids again in six weeks, aim LDL below 1.4 mmol/L",
                "Dual antiplatelet therapy until March 2027",
            ),
        ),
    ),
)

DOCUMENTS: Final = (CONSULTATION, REFERRAL, FOLLOW_UP)
