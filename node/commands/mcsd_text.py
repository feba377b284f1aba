"""`federation export` and `federation import`: their arguments, and what they print."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.commands import console
from node.faults import Exit


def add_verbs(verb: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """The two verbs."""
    exporting = verb("export", "the directory as mCSD: a Bundle of FHIR with Organization and Endpoint")
    exporting.add_argument("file", nargs="?", type=Path, metavar="FILE", help="write it there; else it is printed")
    importing = verb("import", "what an mCSD Bundle would change in the directory; nothing changes unsigned (signer)")
    importing.add_argument("file", type=Path, metavar="FILE", help="Organization and Endpoint resources, FHIR JSON")
    importing.add_argument("--sign", default="", metavar="PROPOSAL", help="sign what was shown under this id")


def show(result: dict[str, Any], args: argparse.Namespace) -> int:
    """The Bundle, or what one would change; the exit status."""
    return _exported(result, args) if args.verb == "export" else _imported(result, args)


def _exported(result: dict[str, Any], args: argparse.Namespace) -> int:
    if args.file:
        text = json.dumps(result["bundle"], ensure_ascii=False, indent=2)
        args.file.write_text(text + "\n", encoding="utf-8")
        console.note(f"{args.file}: {len(result['bundle']['entry'])} resources")
    else:
        console.emit(result["bundle"])
    for home in result["left_out"]:
        console.note(f"{home} is not in it: its row in the directory is no description of a community")
    return Exit.PARTLY if result["left_out"] else Exit.DONE


def _imported(result: dict[str, Any], args: argparse.Namespace) -> int:
    changes = result["changes"]
    if args.json:
        console.emit(result)
    else:
        rows = [(one["name"], one["home"], one["state"], one["text"] or one["fingerprint"]) for one in changes]
        console.table(rows, ("institution", "homeCommunityId", "state", "what, or its certificate (SHA-256)"))
        if result["version"]:
            console.note(f"signed: version {result['version']} of the directory is in force")
        elif any(one["state"] in ("new", "changed") for one in changes):
            console.note("Nothing has changed yet. Compare new certificates with the institutions, then:")
            console.note(f"xdsnode federation import {shlex.quote(str(args.file))} --sign {result['proposal']}")
    return Exit.PARTLY if any(one["state"] == "left-out" for one in changes) else Exit.DONE
