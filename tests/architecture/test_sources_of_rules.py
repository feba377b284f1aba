"""Where a rule comes from is written so that it can be looked up: `ITI TF-n: section` or the document by its name."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import PACKAGES, modules, name_of, tree

ITI = re.compile(r"ITI TF-[1-3][abcx]?: (Table |Figure |Appendix |Annex |section )?[0-9A-Z][\w.\-]*")
OTHERS = re.compile(
    r"(audit-ledger|ITI TF-|PCC TF-|RAD TF-|RFC \d|HL7 |DICOM PS3\.|ebRIM 3\.0|ebRS 3\.0|OASIS |W3C |FIPS |NIST |C2SP|SOAP 1\.2|WS-|XOP|MTOM|PKCS)"
)
DOCUMENTED = re.compile(r"^\s*Source: (.+)", re.MULTILINE)


def test_sources_of_rules() -> None:
    """Rules are rows; the row's `source` is a section of the IHE Technical Framework."""
    wrong = [
        f"{name_of(path)}:{keyword.value.lineno} {keyword.value.value}"
        for path in modules("registry", "repository")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "source"
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
        and not ITI.match(keyword.value.value)
    ]
    assert wrong == []


def test_sources_in_docstrings() -> None:
    wrong = []
    for path in modules(*PACKAGES):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                text = ast.get_docstring(node) or ""
                wrong += [f"{name_of(path)}: {found}" for found in DOCUMENTED.findall(text) if not OTHERS.search(found)]
    assert wrong == []
