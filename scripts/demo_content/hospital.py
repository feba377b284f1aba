"""What the hospital wrote: imaging, the procedure, the discharge, and a printed medication plan."""

# ruff: noqa: RUF001  (Chinese punctuation is meant)

from __future__ import annotations

from typing import Final

from scripts.demo_content.cda import ClinicalDocument, Code, Encounter, Section
from scripts.demo_content.people import CARDIOLOGIST, RADIOLOGIST

_STAY: Final = Encounter(
    number="A-20260307-19",
    code="IMP",
    display="inpatient encounter",
    start="20260307140000+0800",
    end="20260310110000+0800",
)
_SCAN: Final = Encounter(
    number="O-20260306-02", code="AMB", display="ambulatory", start="20260306090000+0800", end="20260306100000+0800"
)

IMAGING: Final = ClinicalDocument(
    number="DI-260306-071",
    code=Code(code="18748-4", display="Diagnostic imaging study"),
    title="Coronary CT angiography 冠状动脉CT血管造影",
    language="en-US",
    when="20260306141500+0800",
    author=RADIOLOGIST,
    encounter=_SCAN,
    sections=(
        Section(
            code=Code(code="55115-0", display="Requested imaging studies information"),
            title="Request",
            paragraphs=("Exertional angina, referred by Maple Street Clinic. 疑似冠心病，枫林社区诊所转诊。",),
        ),
        Section(
            code=Code(code="18782-3", display="Radiology study observation"),
            title="Findings",
            points=(
                "Left main: no stenosis",
                "Left anterior descending: mixed plaque in the proximal segment, stenosis about 80 % "
                "前降支近段狭窄约80%",
                "Circumflex and right coronary artery: irregularities below 30 %",
                "Calcium score 214 (Agatston). Lungs and mediastinum unremarkable",
            ),
        ),
        Section(
            code=Code(code="19005-8", display="Radiology Imaging study [Impression]"),
            title="Impression",
            paragraphs=(
                "Severe proximal LAD stenosis, CAD-RADS 4A. Invasive angiography recommended. 建议行冠脉造影。",
            ),
        ),
    ),
)

PROCEDURE: Final = ClinicalDocument(
    number="PR-260308-004",
    code=Code(code="28570-0", display="Procedure note"),
    title="经皮冠状动脉介入治疗记录 Percutaneous coronary intervention",
    language="zh-CN",
    when="20260308113000+0800",
    author=CARDIOLOGIST,
    encounter=_STAY,
    sections=(
        Section(
            code=Code(code="29554-3", display="Procedure narrative"),
            title="手术经过",
            paragraphs=(
                "经右桡动脉入路，造影示前降支近段狭窄85%。预扩张后植入3.0 x 18 mm药物洗脱支架一枚，"
                "残余狭窄0%，TIMI血流3级。",
                "One drug-eluting stent (3.0 x 18 mm) to the proximal LAD by right radial access, TIMI 3 flow, no "
                "residual stenosis.",
            ),
        ),
        Section(
            code=Code(code="55109-3", display="Complications"),
            title="并发症",
            paragraphs=("无。 None.",),
        ),
    ),
)

DISCHARGE: Final = ClinicalDocument(
    number="DS-260310-012",
    code=Code(code="18842-5", display="Discharge summary"),
    title="Discharge summary 出院小结",
    language="en-US",
    when="20260310104500+0800",
    author=CARDIOLOGIST,
    encounter=_STAY,
    sections=(
        Section(
            code=Code(code="11535-2", display="Hospital discharge diagnosis"),
            title="Discharge diagnoses 出院诊断",
            points=(
                "Coronary artery disease with severe proximal LAD stenosis, stented 冠心病，前降支支架植入术后",
                "Arterial hypertension 高血压病",
                "Type 2 diabetes mellitus 2型糖尿病",
            ),
        ),
        Section(
            code=Code(code="8648-8", display="Hospital course"),
            title="Hospital course",
            paragraphs=(
                "Elective admission after CT angiography. Intervention on 8 March without complication; monitored for "
                "48 hours; mobile and free of symptoms at discharge.",
            ),
        ),
        Section(
            code=Code(code="10183-2", display="Hospital discharge medications"),
            title="Discharge medications 出院带药",
            head=("Medicine 药品", "Dose 用法", "For how long 疗程"),
            rows=(
                ("Aspirin 阿司匹林", "100 mg once daily 每日一次", "lifelong 终身"),
                ("Ticagrelor 替格瑞洛", "90 mg twice daily 每日两次", "12 months 十二个月"),
                ("Rosuvastatin 瑞舒伐他汀", "20 mg at night 每晚一次", "long term 长期"),
                ("Amlodipine 氨氯地平", "5 mg once daily 每日一次", "long term 长期"),
                ("Metformin 二甲双胍", "500 mg twice daily 每日两次", "long term 长期"),
            ),
        ),
        Section(
            code=Code(code="48765-2", display="Allergies and adverse reactions"),
            title="Allergies 过敏",
            points=("Penicillin: rash 青霉素：皮疹",),
        ),
        Section(
            code=Code(code="18776-5", display="Plan of care note"),
            title="Plan",
            points=(
                "Follow-up at Maple Street Clinic in two weeks",
                "Return at once with chest pain at rest 静息胸痛立即就诊",
            ),
        ),
    ),
)

DOCUMENTS: Final = (IMAGING, PROCEDURE, DISCHARGE)

SHEET_TITLE: Final = "Medication plan 用药计划 Lin Mei 林梅"
SHEET: Final = (
    "Riverside General Hospital 江畔综合医院",
    "MEDICATION PLAN 用药计划        2026-03-10",
    "Lin Mei 林梅    born 1966-04-12    RGH-204417",
    "",
    "                              morning 早   noon 中   evening 晚",
    "Aspirin 阿司匹林 100 mg            1            -            -",
    "Ticagrelor 替格瑞洛 90 mg          1            -            1",
    "Amlodipine 氨氯地平 5 mg           1            -            -",
    "Metformin 二甲双胍 500 mg          1            -            1",
    "Rosuvastatin 瑞舒伐他汀 20 mg      -            -            1",
    "",
    "Do not stop ticagrelor without asking cardiology. 未经心内科同意请勿停用替格瑞洛。",
    "Allergy 过敏: penicillin 青霉素",
    "Questions: +86-571-5550-1000, cardiology ward 心内科病房",
)
