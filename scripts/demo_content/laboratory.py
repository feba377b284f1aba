"""What the laboratory reported, as CDA with coded results and once as the printed sheet."""

# ruff: noqa: RUF001  (Chinese punctuation is meant)

from __future__ import annotations

from typing import Final

from scripts.demo_content.cda import ClinicalDocument, Code, Result, Section
from scripts.demo_content.people import PATHOLOGIST

_REPORT: Final = Code(code="11502-2", display="Laboratory report")

CARDIAC: Final = ClinicalDocument(
    number="LR-26-118830",
    code=_REPORT,
    title="Laboratory report: cardiac markers 心肌标志物",
    language="en-US",
    when="20260302153000+0800",
    author=PATHOLOGIST,
    encounter=None,
    sections=(
        Section(
            code=Code(code="18717-9", display="Blood bank and chemistry studies"),
            title="Cardiac markers",
            paragraphs=("Serum, drawn 2026-03-02 09:05 at Maple Street Clinic, received 11:20, not haemolysed.",),
            results=(
                Result(
                    test=Code(code="67151-1", display="Troponin T.cardiac, high sensitivity 高敏肌钙蛋白T"),
                    value="6",
                    unit="ng/L",
                    reference="< 14 ng/L",
                ),
                Result(
                    test=Code(code="33762-6", display="NT-proBNP 脑钠肽前体"),
                    value="96",
                    unit="pg/mL",
                    reference="< 125 pg/mL",
                ),
                Result(
                    test=Code(code="2157-6", display="Creatine kinase 肌酸激酶"),
                    value="88",
                    unit="U/L",
                    reference="26 - 192 U/L",
                ),
            ),
        ),
    ),
)

METABOLIC: Final = ClinicalDocument(
    number="LR-26-118831",
    code=_REPORT,
    title="检验报告：血脂与糖代谢 Lipids and glucose metabolism",
    language="zh-CN",
    when="20260302161000+0800",
    author=PATHOLOGIST,
    encounter=None,
    sections=(
        Section(
            code=Code(code="18719-5", display="Chemistry studies"),
            title="生化检验",
            paragraphs=("空腹静脉血清，标本合格。 Fasting serum.",),
            results=(
                Result(
                    test=Code(code="22748-8", display="LDL cholesterol 低密度脂蛋白胆固醇"),
                    value="4.1",
                    unit="mmol/L",
                    reference="< 3.4 mmol/L",
                    flag="H",
                ),
                Result(
                    test=Code(code="14646-4", display="HDL cholesterol 高密度脂蛋白胆固醇"),
                    value="1.1",
                    unit="mmol/L",
                    reference="> 1.0 mmol/L",
                ),
                Result(
                    test=Code(code="14927-8", display="Triglycerides 甘油三酯"),
                    value="2.3",
                    unit="mmol/L",
                    reference="< 1.7 mmol/L",
                    flag="H",
                ),
                Result(
                    test=Code(code="4548-4", display="Hemoglobin A1c 糖化血红蛋白"),
                    value="7.2",
                    unit="%",
                    reference="4.0 - 6.0 %",
                    flag="H",
                ),
            ),
        ),
        Section(
            code=Code(code="48767-8", display="Annotation comment"),
            title="审核意见",
            paragraphs=("血脂及糖化血红蛋白升高，请结合临床。 Raised lipids and HbA1c; clinical correlation advised.",),
        ),
    ),
)

DOCUMENTS: Final = (CARDIAC, METABOLIC)

SHEET_TITLE: Final = "Blood count 血常规 2026-03-08"
SHEET: Final = (
    "Northern Lights Laboratory 北辰医学检验所",
    "5 Observatory Road, Hangzhou    +86-571-5550-3000",
    "",
    "BLOOD COUNT 血常规检验报告",
    "Patient 患者: Lin Mei 林梅    born 1966-04-12    F    No. NL-771204",
    "Drawn 2026-03-08 06:10 at Riverside General Hospital (江畔综合医院)",
    "",
    "White cells 白细胞            6.8  x10^9/L     3.5 - 9.5",
    "Haemoglobin 血红蛋白          128  g/L         115 - 150",
    "Platelets 血小板              231  x10^9/L     125 - 350",
    "Neutrophils 中性粒细胞        61   %           40 - 75",
    "Creatinine 肌酐               64   umol/L      41 - 73",
    "",
    "All values within the reference range. 各项指标在参考范围内。",
    "Released 审核: Dr. Sun Li 孙丽, 2026-03-08 08:02",
)
