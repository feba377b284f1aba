"""The federation this node belongs to: a signed directory of institutions, which every member follows on its own.

One institution creates it. It invites another one with a line to paste; that one joins with it. Then both
administrators telephone, on a number they already know: each reads a number of six digits aloud, and each types what
the other reads. A wrong number ends the invitation for good. The certificate comes from the federation's own CA, or
from yours, and renews itself.
"""

from __future__ import annotations

import argparse
import base64
import sys
import time
from pathlib import Path
from typing import Any, Final

from node.commands import console, mcsd_text
from node.commands.environment import now
from node.commands.execution import execute
from node.commands.options import add_dir, add_json, root
from node.configuration.config import Config, load
from node.faults import Exit, misused, refused

EXAMPLES = """\
examples:
  xdsnode federation create "Region North"                begin one; this node signs its directory
  xdsnode federation invite                               prints one line; waits for them, then asks for their number
  xdsnode federation join xdsnode-invitation-1.eyJ…       at the other institution; asks for the number they read
  xdsnode federation join LINE --certificate node.pem     with a certificate of your own CA for keys/tls.csr
  xdsnode federation list                                 members, version, until when the directory counts
  xdsnode federation remove "Clinic South" --reason "left the region"
  xdsnode federation revoke 3f9a…                         a certificate counts no more; effective at the next request
  xdsnode federation sign --rotate-key                    a new signing key, which the old one signs
  xdsnode federation publish                              give the directory to every member now, and say who has it
  xdsnode federation export region.json                   the directory as FHIR (mCSD Organization and Endpoint)
  xdsnode federation import partners.json                 what such a file would change; prints the line that signs it
  xdsnode federation leave

two commands instead of a conversation, for scripts:
  xdsnode federation invite --no-wait; later: xdsnode federation confirm 482137
"""

_PAUSE: Final = 0.5
_DAY: Final = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One verb each."""
    add_dir(parser)
    verbs = parser.add_subparsers(
        metavar="create|invite|confirm|join|list|remove|revoke|sign|publish|export|import|leave",
        dest="verb",
        required=True,
    )

    def verb(name: str, summary: str) -> argparse.ArgumentParser:
        child = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        add_dir(child, of_verb=True)
        add_json(child, "the result")
        return child

    creating = verb("create", "begin a federation, whose directory this node signs")
    creating.add_argument("name", metavar="NAME", help="name of the federation, shown to people")
    creating.add_argument("--language", default="en", metavar="LANG", help="language of NAME; default en")
    creating.add_argument(
        "--name", action="append", default=[], dest="names", metavar="LANG=NAME", help="its name in another language"
    )
    inviting = verb("invite", "invite another institution: one line, good once and for 24 hours")
    inviting.add_argument("--no-wait", action="store_true", help="print the line and end; then: confirm NUMBER")
    confirming = verb("confirm", "type the number that the other administrator reads")
    confirming.add_argument("number", metavar="NUMBER", help="six digits, as they read them aloud")
    confirming.add_argument("--invitation", default="", metavar="ID", help="which one, when several wait")
    joining = verb("join", "join a federation by an invitation")
    joining.add_argument("invitation", metavar="INVITATION", help="the line that the other administrator sent")
    joining.add_argument("--certificate", type=Path, metavar="FILE", help="your CA's certificate for keys/tls.csr")
    joining.add_argument("--code", metavar="NUMBER", help="the number that they read; else it is asked")
    verb("list", "members and state of the directory")
    removing = verb("remove", "remove a member, at once (signer)")
    removing.add_argument("peer", metavar="PEER", help="its homeCommunityId or its name")
    removing.add_argument("--reason", default="", help="why; it is put on record")
    revoking = verb("revoke", "withdraw a certificate, at once (signer)")
    revoking.add_argument("fingerprint", nargs="?", default="", metavar="FINGERPRINT", help="or PEER: its present one")
    revoking.add_argument(
        "--crl", type=Path, metavar="FILE", help="a CA's revocation list instead (PEM), with --issuer"
    )
    revoking.add_argument("--issuer", type=Path, metavar="FILE", help="the CA's certificate (PEM)")
    revoking.add_argument("--reason", default="", help="why; it is put on record")
    signing = verb("sign", "sign the next version of the directory (signer; happens daily by itself)")
    signing.add_argument("--rotate-key", action="store_true", help="under a new key, which the old one signs")
    publishing = verb("publish", "give the directory to every member now")
    publishing.add_argument("file", nargs="?", type=Path, metavar="FILE", help="take the signed directory in it first")
    mcsd_text.add_verbs(verb)
    verb("leave", "leave the federation")


def run(args: argparse.Namespace) -> int:
    """Carry one of the verbs out."""
    config = load(root(args))
    match args.verb:
        case "invite":
            return _invite(config, args)
        case "join":
            return _join(config, args)
    result = execute(config, f"federation {args.verb}", _arguments(args))
    if args.verb in ("export", "import"):
        return mcsd_text.show(result, args)
    if args.json:
        console.emit(result)
    elif args.verb == "confirm":
        console.out(f"{result['name']}  {result['home_community_id']}  member")
    elif args.verb == "leave":
        console.out(f"left {result['name']}; {len(result['disconnected'])} institutions are not connected any more")
        if not result["told"]:
            console.note("the node that signs could not be told: ask its administrator for federation remove")
    else:
        _print(result)
    return Exit.PARTLY if args.verb == "publish" and not all(result["told"].values()) else Exit.DONE


def _arguments(args: argparse.Namespace) -> dict[str, Any]:
    match args.verb:
        case "create":
            names = dict(_language(one) for one in args.names)
            return {"name": args.name, "language": args.language, "names": names}
        case "confirm":
            return {"number": args.number, "id": args.invitation}
        case "remove":
            return {"peer": args.peer, "reason": args.reason}
        case "revoke":
            if bool(args.crl) is not bool(args.issuer) or bool(args.crl) is bool(args.fingerprint):
                step = "xdsnode federation revoke FINGERPRINT, or --crl FILE --issuer FILE"
                raise misused("usage", "federation revoke", "name a certificate, or a list with its CA", step)
            lists = {"crl": _read(args.crl), "issuer": _read(args.issuer)} if args.crl else {}
            return {"fingerprint": args.fingerprint, "reason": args.reason, **lists}
        case "sign":
            return {"rotate": args.rotate_key}
        case "import":
            return {"bundle": _read(args.file), "proposal": args.sign}
        case "publish" if args.file:
            return {"directory": base64.b64encode(_read(args.file).encode()).decode("ascii")}
    return {}


def _language(text: str) -> tuple[str, str]:
    language, _, name = text.partition("=")
    if not name:
        raise misused("usage", "--name", f"{text!r} is not LANG=NAME", "--name zh=北区")
    return language, name


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise misused("federation.file", str(path), str(problem), "name a readable file of text") from None


def _invite(config: Config, args: argparse.Namespace) -> int:
    made = execute(config, "federation invite", {})
    if args.json:
        console.emit(made)
        return Exit.DONE
    console.out(made["invitation"])
    console.note(f"Send this line to the other administrator. It counts once, until {made['expires']}.")
    if args.no_wait:
        return Exit.DONE
    console.note(f"There: xdsnode federation join '{made['invitation'][:24]}…'. Waiting for them…")
    waiting = {"id": made["id"]}
    until = time.monotonic() + _DAY
    while (state := execute(config, "federation invitation", waiting))["state"] not in ("shown", "void"):
        if time.monotonic() > until:
            raise refused("federation.void", "invitation", "nobody answered in time", "xdsnode federation invite")
        time.sleep(_PAUSE)
    if state["state"] == "void":
        raise refused("federation.void", "invitation", state["why"], "xdsnode federation invite makes a new one")
    console.note(f"{state['name']} has answered from {state['address']}.")
    _telephone(state["number"])
    result = execute(config, "federation confirm", {**waiting, "number": _typed()})
    console.note(f"{result['name']} is a member now: xdsnode federation list")
    return Exit.DONE


def _telephone(number: str) -> None:
    console.note("Call the other administrator, on a number that you already know.")
    console.note(f"Read out: {number[:3]} {number[3:]}")
    sys.stderr.write("They say: ")
    sys.stderr.flush()


def _typed() -> str:
    text = sys.stdin.readline()
    if not text:
        step = "the invitation waits: xdsnode federation confirm NUMBER"
        raise misused("federation.not-compared", "number", "nobody typed what the other person reads", step)
    return text.strip()


def _join(config: Config, args: argparse.Namespace) -> int:
    import secrets  # noqa: PLC0415  the rest of this is for this verb only

    from node.administration.exports import own_community, own_urls, without_certificate  # noqa: PLC0415
    from node.membership.joining import Joining, request_of  # noqa: PLC0415
    from trust.directory.comparison import NONCE_BYTES, same  # noqa: PLC0415
    from trust.directory.invitation import Invited  # noqa: PLC0415
    from trust.directory.signing import Malformed  # noqa: PLC0415

    try:
        invited = Invited.read(args.invitation)
    except Malformed as problem:
        raise misused("federation.invitation", "INVITATION", str(problem), "paste the whole line in quotes") from None
    if now() >= invited.expires:
        step = "ask for a new one: xdsnode federation invite"
        raise refused("federation.void", "INVITATION", f"it ended on {invited.expires:%Y-%m-%d %H:%MZ}", step)
    if args.certificate:
        _use_certificate(config, args.certificate)
    request = request_of(config)
    has_one = config.folder.tls_chain.exists()
    community = (own_community if has_one else without_certificate)(config, own_urls(config))
    joining = Joining(config, invited, community, request, secrets.token_bytes(NONCE_BYTES))
    numbers = joining.begin()
    console.note(f"{joining.inviter} has been reached; it invites to {joining.federation}.")
    _telephone(numbers.joining)
    typed = args.code if args.code is not None else _typed()
    if not same(numbers.inviting, typed):
        joining.stop()
        execute(config, "federation mismatch", {"url": invited.url})
        cause = "this is not the number that the other node shows: somebody may stand between the two nodes"
        step = "the invitation is void; speak with the other administrator, then ask for a new one"
        raise refused("federation.numbers", invited.url, cause, step)
    console.note("Waiting until they have typed yours…")
    answer = joining.finish(_DAY)
    arguments = {
        "federation": invited.pin.federation,
        "root": invited.pin.root,
        "certificates": answer["certificates"],
        "directory": answer["directory"],
        "request": request,
    }
    result = execute(config, "federation joined", arguments)
    if args.json:
        console.emit(result)
    else:
        _print(result)
        console.note(f"next: xdsnode serve --dir {config.root}, where it does not run yet")
    return Exit.DONE


def _use_certificate(config: Config, path: Path) -> None:
    """Put the certificate of an outside CA in its place.

    Raises:
        Faults: it is not for the key of this node.
    """
    from node.membership.joining import request_of  # noqa: PLC0415
    from trust.errors import BadCertificate  # noqa: PLC0415
    from trust.pki.authority import requested_key  # noqa: PLC0415
    from trust.pki.certificates import from_pem  # noqa: PLC0415
    from trust.pki.keyfiles import replace_private  # noqa: PLC0415

    text = _read(path)
    try:
        fits = from_pem(text)[0].public_key() == requested_key(request_of(config).encode())
    except BadCertificate as problem:
        raise misused("federation.certificate", str(path), str(problem), "name the PEM file of your CA") from None
    if not fits:
        step = f"have your CA sign {config.folder.tls_request}"
        raise misused("federation.certificate", str(path), "it is not for the key of this node", step)
    replace_private(config.folder.tls_chain, text.encode("ascii"))


def _print(result: dict[str, Any]) -> None:
    console.out(f"{result['name']}  version {result['version']}, {result['standing']} until {result['expires']}")
    rows = [(one["name"], one["home_community_id"], one["state"]) for one in result["members"]]
    console.table(rows, ("institution", "homeCommunityId", "state"))
    for one in result.get("invitations", ()):
        console.note(f"invitation {one['id'][:8]}: {one['state']} {one.get('name', '')} until {one['expires']}")
    for name, has in result.get("told", {}).items():
        console.note(f"{name}: {'has it' if has else 'not reached; it asks by itself'}")
