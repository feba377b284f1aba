"""What an audit record says in plain words, and the disclosure report as one page: English and Chinese.

Standard library only; values in, text out. It lies beside `hdn_verify.py` wherever that is copied: the verifier makes
the page of a bundle again from the opened records and compares every byte, so a page cannot say anything else than the
records do. Hence a change of what `page` gives needs a new number in `PAGE`. Source: audit-ledger: 2.9.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

PAGE = "hdn-report/v1"
_LANG = {"en": "en", "zh": "zh-Hans"}
_LANGUAGE_NAMES = {"en": "English", "zh": "中文"}
_PERIOD = (("from", "since"), ("to", "until"))
_COLUMNS = ("when", "who", "what", "why", "outcome", "entry")
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905  one line is read best
LANGUAGES = ("en", "zh")

_CALLER = re.compile(r"(.*) \((application|peer|operator|auditor)\)", re.DOTALL)
ASKED, ARRIVED, ANSWERED, GOT, FAILED = 1, 2, 3, 4, 6  # kinds of the two sides of an exchange
_OUTGOING, _STEPS = {ASKED, GOT, FAILED}, {ASKED, ARRIVED}

# Every text once, as (English, Chinese). `{peer}` is the other institution.
_KINDS = {
    8: ("sealed the state of the log", "封存日志状态"),
    9: ("began or changed a key of the log", "启用或更换日志密钥"),
    10: ("stated a gap or recovery of the log", "声明日志的缺失或恢复"),
    11: ("kept a sealed state of another log", "保存了其他机构日志的封存状态"),
    12: ("padding without meaning", "无含义的填充条目"),
}
_ACTS = {
    "ITI-18": ("looked for documents", "查找了文档"),
    "ITI-41": ("stored new documents", "存入了新文档"),
    "ITI-42": ("registered new documents", "登记了新文档"),
    "ITI-43": ("opened documents", "打开了文档"),
    "in ITI-38": ("asked which documents this institution holds", "询问本机构存有哪些文档"),
    "in ITI-39": ("fetched documents from this institution", "从本机构取走了文档"),
    "in": ("sent a request to this institution", "向本机构发出请求"),
    "out ITI-38": ("asked {peer} which documents it holds", "向{peer}询问存有哪些文档"),
    "out ITI-39": ("fetched documents from {peer}", "从{peer}取得了文档"),
    "out": ("sent a request to {peer}", "向{peer}发出请求"),
    "C 110110": ("made the patient known", "登记了患者"),
    "R 110110": ("looked up the patient", "查看了患者条目"),
    "U 110110": ("changed the patient's entry", "更改了患者条目"),
    "D 110110": ("merged the patient into another", "将患者并入另一身份"),
    "patient unmerge": ("undid a merge of the patient", "撤销了患者合并"),
    "document deprecate": ("marked a document as out of date", "将文档标记为已作废"),
    "document quarantine": ("took a document out of use", "停用了文档"),
    "audit report": ("made a report of all accesses", "制作了访问报告"),
    "110101": ("read the access log", "查阅了访问记录"),
    "110120": ("started the node", "启动了节点"),
    "110121": ("stopped the node", "停止了节点"),
    "110126": ("tried to connect, and was turned away", "尝试连接，但未被接受"),
    "110129": ("changed who may connect", "更改了可连接的对象"),
}
_OUTCOMES = {
    None: ("under way", "进行中", "off"),
    0: ("done", "完成", "ok"),
    4: ("done, with a warning", "完成，有警告", "warn"),
    8: ("refused or failed", "被拒绝或失败", "deny"),
    12: ("failed", "失败", "bad"),
}
_ROLES = {
    "application": ("application of this institution", "本机构的应用程序"),
    "peer": ("connected institution", "已连接的机构"),
    "operator": ("administrator", "管理员"),
    "auditor": ("auditor", "审计人员"),
    "node": ("this institution's node", "本机构的节点"),
    "": ("not stated", "未说明"),
}
_PURPOSES = {
    "TREAT": ("treatment", "治疗"),
    "ETREAT": ("emergency treatment", "紧急治疗"),
    "BTG": ("emergency access", "紧急访问"),
    "HPAYMT": ("payment", "费用结算"),
    "PUBHLTH": ("public health", "公共卫生"),
    "HOPERAT": ("operation of the institution", "机构运营"),
    "HRESCH": ("research", "研究"),
    "PATRQT": ("the patient's own request", "患者本人要求"),
    "HSYSADMIN": ("administration of the system", "系统管理"),
    "": ("not stated", "未说明"),
}
_TEXTS = {
    "title": ("Who looked at the health documents of this patient?", "谁查看过该患者的健康文档？"),
    "patient": ("Patient", "患者"),
    "institution": ("Institution", "机构"),
    "period": ("Period", "时间范围"),
    "all": ("everything on record", "全部记录"),
    "from": ("from {since}", "自 {since} 起"),
    "to": ("until {until}", "至 {until}"),
    "made": ("Made", "制作时间"),
    "utc": ("All times are UTC.", "所有时间均为协调世界时（UTC）。"),
    "sum": (
        "{accesses} accesses by {who} persons or systems, recorded in {entries} entries. Refused or failed: {refused}.",
        "共 {accesses} 次访问，访问者（人员或系统）{who} 个，记录于 {entries} 个条目；被拒绝或失败：{refused} 次。",
    ),
    "nothing": ("Nothing about this patient is on record in this period.", "该时间范围内没有关于该患者的记录。"),
    "when": ("When", "时间"),
    "who": ("Who", "访问者"),
    "what": ("What", "做了什么"),
    "why": ("Reason given", "访问理由"),
    "outcome": ("Outcome", "结果"),
    "entry": ("Entry", "条目"),
    "address": ("from {address}", "来自 {address}"),
    "documents": ("{n} documents", "{n} 份文档"),
    "merged": (
        "These numbers are one person; the report covers all of them.",
        "以上编号属于同一人，本报告涵盖全部编号。",
    ),
    "erased": ("Of {n} further entries the content was erased.", "另有 {n} 个条目的内容已被删除。"),
    "proof": ("How do I know that this is complete and unchanged?", "如何确认本报告完整且未被更改？"),
    "how": (
        "Each entry is committed to a log that nobody can quietly change. The folder or zip file of this report holds"
        " the proof. Anybody can check it, on any computer with Python and without a network:",
        "每个条目都已写入任何人都无法悄然更改的日志。本报告的文件夹或压缩包内含证明，任何人均可在装有 Python"
        " 的计算机上离线核验：",
    ),
    "sealed": ("{origin}: state of {size} entries", "{origin}：{size} 个条目的状态"),
    "names": (
        "Names of institutions are from this institution's directory; everything else is as it stands in the log.",
        "机构名称来自本机构的目录，其余内容均与日志一致。",
    ),
}


@dataclass(frozen=True)
class Told:
    """One record in plain words. `time` is as recorded; `tone` is ok, warn, deny, bad or off."""

    time: str
    who: str
    role: str
    institution: str
    address: str
    purpose: str
    what: str
    documents: tuple[str, ...]
    outcome: str
    tone: str
    detail: str


def describe(record: Mapping[str, Any], language: str, names: Mapping[str, str], own: str) -> Told:
    """A record in "en" or "zh"; `names` are those of institutions by homeCommunityId, `own` that of the log's owner."""
    event, kind = record["event"], record["kind"]
    peer = names.get(record["peer"], record["peer"])
    who, role, address = _actor(record, event, language, own=own, peer=peer)
    outside = kind in (ARRIVED, ANSWERED)
    outcome = _OUTCOMES.get(event.get("outcome"), _OUTCOMES[12])
    objects = event.get("objects", ())
    return Told(
        time=record["time"],
        who=who,
        role=role,
        institution=peer if outside else own,
        address=address,
        purpose=_purpose(event, language),
        what=_what(record, event, language).replace("{peer}", peer),
        documents=tuple(one["id"] for one in objects if one["type"] == "2" and one.get("role") == "3"),
        outcome=outcome[_at(language)],
        tone=outcome[2],
        detail="" if event.get("outcome_text") in event.get("type", ()) else event.get("outcome_text", ""),
    )


def _at(language: str) -> int:
    return LANGUAGES.index(language)


def _actor(
    record: Mapping[str, Any], event: Mapping[str, Any], language: str, *, own: str, peer: str
) -> tuple[str, str, str]:
    """Who acted, in which role, from which address. An endpoint's URL without a name is nobody."""
    people = [one for one in event.get("participants", ()) if one.get("name") or not re.match(r"\w+://", one["user"])]
    codes = {id(one): one.get("role", ("", "", ""))[0] for one in people}
    humans = [one for one in people if one["requestor"] and codes[id(one)] not in ("110152", "110153")]
    found = humans or [one for one in people if codes[id(one)] != "110150"] or people
    if not humans and record["kind"] == ARRIVED:
        return peer, _ROLES["peer"][_at(language)], ""
    if not humans and (record["kind"] in _OUTGOING or not found):
        return own, _ROLES["node"][_at(language)], ""
    one = found[0]
    name = one.get("name") or one["user"]
    calling = next((each for each in people if _CALLER.fullmatch(each["user"])), one)  # what a human sits at
    address = one.get("address") or calling.get("address", "")
    ends = _CALLER.fullmatch(name)
    if ends:
        return ends[1], _ROLES[ends[2]][_at(language)], address
    known = {"110151": _ROLES["operator"][_at(language)], "": _ROLES[""][_at(language)]}
    role = "node" if name == own else codes[id(one)]
    words = _ROLES["node"][_at(language)] if role == "node" else known.get(role) or one["role"][2]
    return ", ".join(map(_human, humans)) or name, words, address


def _human(one: Mapping[str, Any]) -> str:
    """A user of an assertion is `<id@issuer>`, with the name for people as the other id (federation-wire 4.8)."""
    name: str = one.get("name") or one["user"]
    return f"{one['alternative']} {name}" if name.startswith("<") and one.get("alternative") else name


def _purpose(event: Mapping[str, Any], language: str) -> str:
    codes = event.get("purpose") or [["", "", ""]]
    return ", ".join(_PURPOSES[code][_at(language)] if code in _PURPOSES else text for code, _, text in codes)


def _what(record: Mapping[str, Any], event: Mapping[str, Any], language: str) -> str:
    kind = record["kind"]
    code, _, text = event.get("type") or (event.get("note", {}).get("transaction", ""), "", "")
    event_id = event.get("id", ("",))[0]
    if kind in (ARRIVED, ANSWERED) or kind in _OUTGOING:
        side = "out" if kind in _OUTGOING else "in"
        return (_ACTS.get(f"{side} {code}") or _ACTS[side])[_at(language)]
    for key in (code, f"{event.get('action', '')} {event_id}", event_id):
        if key in _ACTS:
            return _ACTS[key][_at(language)]
    return _KINDS[kind][_at(language)] if kind in _KINDS else text or code


# ---------------------------------------------------------------- the page


@dataclass(frozen=True)
class _Row:
    label: str  # year/index
    record: Mapping[str, Any]
    told: Told


def page(report: Mapping[str, Any], languages: Sequence[str] = LANGUAGES) -> str:
    """The report as one HTML page without scripts or outside files; of two languages the reader chooses one.

    `report` is what `report.json` of the bundle holds.
    """
    several = len(languages) > 1
    switch = "".join(
        f'<input type="radio" name="language" id="in-{one}"{" checked" if one == languages[0] else ""}>'
        f'<label for="in-{one}">{_LANGUAGE_NAMES[one]}</label>'
        for one in languages
        if several
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{_LANG[languages[0]]}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(_TEXTS['title'][_at(languages[0])])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{switch}\n{''.join(_part(report, one) for one in languages)}</body>\n</html>\n"
    )


def _part(report: Mapping[str, Any], language: str) -> str:
    def text(name: str, **values: object) -> str:
        return _TEXTS[name][_at(language)].format(**values)

    events = [(shard, event) for shard in report["shards"] for event in shard["events"]]
    rows = [_row(report, shard, event, language) for shard, event in events if event["shown"]]
    erased = sum(not event["record"] for _, event in events)
    groups = _grouped(rows)
    lines = [line for group in groups for line in group if line.record["kind"] not in _OUTGOING or len(group) == 1]
    people = {(line.told.who, line.told.institution) for line in lines}
    refused = sum(line.told.tone in ("deny", "bad") for line in lines)
    summary = text("sum", accesses=len(lines), who=len(people), entries=len(rows), refused=refused)
    period = " ".join(text(name, **{key: report[key]}) for name, key in _PERIOD if report[key]) or text("all")
    facts = [
        (text("patient"), "<br>".join(escape(_patient(one)) for one in report["patients"])),
        (text("institution"), escape(report["institution"]["name"])),
        (text("period"), escape(period)),
        (text("made"), escape(_time(report["made"], language))),
    ]
    heads = "".join(f'<th scope="col">{text(name)}</th>' for name in _COLUMNS)
    table = f"<table><thead><tr>{heads}</tr></thead>{''.join(_body(one, language, text) for one in groups)}</table>"
    sealed = "".join(
        f"<li>{escape(text('sealed', origin=one['origin'], size=one['size']))}</li>" for one in report["shards"]
    )
    return (
        f'<main class="{language}" lang="{_LANG[language]}">\n<h1>{text("title")}</h1>\n'
        f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts)}</dl>\n"
        + (f"<p>{text('merged')}</p>\n" if len(report["patients"]) > 1 else "")
        + f'<p class="sum">{summary if groups else text("nothing")} {text("utc")}</p>\n'
        + (f"{table}\n" if groups else "")
        + (f"<p>{text('erased', n=erased)}</p>\n" if erased else "")
        + f"<section><h2>{text('proof')}</h2><p>{text('how')}</p><p><code>python3 hdn_verify.py report .</code></p>"
        f"<ul>{sealed}</ul><p>{text('names')}</p></section>\n</main>\n"
    )


def _row(report: Mapping[str, Any], shard: Mapping[str, Any], event: Mapping[str, Any], language: str) -> _Row:
    record = json.loads(event["record"])
    told = describe(record, language, report["names"], report["institution"]["name"])
    return _Row(f"{shard['origin'].rpartition('/')[2]}/{event['index']}", record, told)


def _grouped(rows: Iterable[_Row]) -> list[list[_Row]]:
    """What belongs to one request together, its own line first; newest request first.

    The steps of an exchange (kinds 1 and 2) add nothing for a reader where its outcome is there: they only lend their
    number to the line of the outcome.
    """
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        event = row.record["event"]
        key = event.get("incident") or event.get("note", {}).get("incident") or row.record["cid"] or row.label
        groups.setdefault(key, []).append(row)
    return [_folded(group) for group in reversed(groups.values())]


def _folded(group: list[_Row]) -> list[_Row]:
    outcomes = [row for row in group if row.record["kind"] not in _STEPS]
    kept = []
    for row in outcomes:
        steps = [one.label for one in group if one.record["kind"] in _STEPS and one.record["cid"] == row.record["cid"]]
        kept.append(replace(row, label=" ".join(dict.fromkeys([*steps, row.label]))))
    answered = {row.record["cid"] for row in outcomes}
    kept += [row for row in group if row.record["kind"] in _STEPS and row.record["cid"] not in answered]
    return sorted(kept, key=lambda row: row.record["kind"] in _OUTGOING)


def _body(group: Sequence[_Row], language: str, text: Callable[..., str]) -> str:
    lines = "".join(_line(row, language, text, below=at > 0) for at, row in enumerate(group))
    return f"<tbody>{lines}</tbody>"


def _line(row: _Row, language: str, text: Callable[..., str], *, below: bool) -> str:
    told = row.told
    place = told.institution if told.institution != told.who else ""
    who = [f"<b>{escape(told.who)}</b>", escape(told.role), escape(place)]
    if told.address:
        who.append(f"<small>{escape(text('address', address=told.address))}</small>")
    what = [escape(told.what)]
    if below:  # a part of the line above: asked for whoever stands there
        who = []
    if told.documents:
        what.append(f"<small>{text('documents', n=len(told.documents))}: {escape(', '.join(told.documents))}</small>")
    outcome = [f'<span class="tone">{escape(told.outcome)}</span>']
    if told.detail:
        outcome.append(f"<small>{escape(told.detail)}</small>")
    cells = (
        "" if below else escape(_time(told.time, language)),
        "<br>".join(part for part in who if part),
        "<br>".join(what),
        "" if below else escape(told.purpose),
        "<br>".join(outcome),
        f"<small>{'<br>'.join(row.label.split(' '))}</small>",
    )
    shown = "".join(
        f'<td data-name="{text(name)}"><div>{cell}</div></td>' for name, cell in zip(_COLUMNS, cells, strict=True)
    )
    return f'<tr class="{told.tone}{" below" if below else ""}">{shown}</tr>\n'


def _time(time: str, language: str) -> str:
    """`2026-11-23T10:02:17.000Z` for readers, to the second."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z", time)
    if not found or not 1 <= int(found[2]) <= 12:
        return time
    if language == "zh":
        return f"{found[1]}年{int(found[2])}月{int(found[3])}日 {found[4]}"
    return f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}, {found[4]}"


def _patient(subject: str) -> str:
    authority, _, number = subject.partition("|")
    return f"{number} ({authority})"


_STYLE = """
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;color:#1b1f24;background:#fff;font:1rem/1.5 system-ui,
"Segoe UI",Roboto,"Noto Sans","PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:1rem 0;text-wrap:balance}h2{font-size:1.1rem;margin:0 0 .5rem}
input{position:absolute;opacity:0}label{display:inline-block;padding:.25rem .75rem;border:1px solid #d0d7de;
border-radius:1rem;margin-right:.4rem;cursor:pointer}input:checked+label{background:#1b1f24;color:#fff}
input:focus-visible+label{outline:2px solid #0969da;outline-offset:2px}
#in-en:checked~.zh,#in-zh:checked~.en{display:none}
dl,section{padding:1rem;border:1px solid #d0d7de;border-radius:.5rem;margin:1rem 0;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:.75rem 1.5rem}
dt{color:#57606a;font-size:.85rem}dd{margin:0}.sum{font-size:1.1rem}
table{border-collapse:collapse;width:100%;table-layout:fixed;font-size:.92em;font-variant-numeric:tabular-nums}
th:nth-child(1){width:13%}th:nth-child(2){width:23%}th:nth-child(4){width:12%}th:nth-child(5){width:13%}
th:nth-child(6){width:9%}
th{text-align:left;border-bottom:2px solid;padding:.4rem .8rem .4rem 0;vertical-align:bottom}
td{border-top:1px solid #d0d7de;padding:.5rem .8rem .5rem 0;vertical-align:top;overflow-wrap:anywhere}
.below td{border-top-style:dotted;color:#57606a}small{color:#57606a;font-size:.82em}
.tone::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;margin-right:.4em;
background:#6e7781;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.ok .tone::before{background:#1a7f37}.warn .tone::before{background:#bf8700}
.deny .tone,.bad .tone{font-weight:600}.deny .tone::before,.bad .tone::before{background:#cf222e;border-radius:0}
code{font:.9em ui-monospace,Menlo,Consolas,monospace;background:#f6f8fa;padding:.2rem .4rem;border-radius:.25rem}
@media screen and (max-width:46rem){body{padding:1rem}table,tbody,tr{display:block}thead{display:none}
tbody{border:1px solid #d0d7de;border-radius:.5rem;margin-bottom:.8rem;padding:.4rem .8rem}
td{display:grid;grid-template-columns:6rem 1fr;border:0;padding:.2rem 0}
td::before{content:attr(data-name);color:#57606a}
.below{border-top:1px dotted #d0d7de;margin-top:.4rem;padding-top:.4rem}td:has(div:empty){display:none}}
@media print{@page{margin:16mm 14mm}body{padding:0;max-width:none;font-size:9pt}.sum{font-size:1.1em}label{display:none}
thead{display:table-header-group}tbody,tr,section{break-inside:avoid}h1,h2{break-after:avoid}}
"""
