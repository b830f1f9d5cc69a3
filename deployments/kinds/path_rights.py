"""Rights beyond the mode: POSIX ACLs of files and directories, capabilities of programs.

Asked of everything that was listed, many paths a process. Without getfacl, what `ls` marks as having an ACL is
unknown; where nothing would tell, or getcap is missing, the look says so once.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from deployments.collector import reasons
from deployments.collector.reasons import code_of, reason
from deployments.collector.wire import Ask, Reply
from deployments.core.canonical import unordered, words
from deployments.kinds.path_batches import batches, relative
from deployments.kinds.path_listing import Step
from deployments.kinds.path_scene import Scene, wire_name

_ESCAPE = re.compile(rb"\\([0-3][0-7]{2}|\\)")
_ENTRY = re.compile(r"(?:default:)?(?:user|group|mask|other):[^:]{0,256}:[r-][w-][xX-]")
_IN_THE_MODE = ("user::", "mask::", "other::")
_NO_TOOL = frozenset({reasons.TOOL_MISSING, reasons.NOT_SUPPORTED})
_CAPABILITIES = re.compile(r"[a-z0-9_,+=\- ]{1,2000}")


def asking_rights(scene: Scene, besides: frozenset[str] = frozenset()) -> Step:
    """What is asked of the entries that were listed; not of those that are asked about with their tree."""
    step: Step = []
    seen = [
        path
        for path, entry in scene.entries.items()
        if entry.type in "fd"
        and path not in scene.recalled
        and path not in besides
        and not scene.barred(path)
    ]
    programs = (path for path in seen if scene.entries[path].type == "f" and scene.entries[path].mode & 0o111)
    for verb, paths, taker in (("acl", seen, rights_taker), ("caps", programs, capabilities_taker)):
        for batch in batches(paths):
            step.append((Ask(verb, tuple(map(relative, batch))), taker(scene, batch)))
    return step


def parse_acls(body: bytes) -> dict[bytes, list[str]]:
    """`getfacl -p -s`: path → entries beyond those that the mode shows. Raises ValueError for anything else."""
    found: dict[bytes, list[str]] = {}
    for block in body.split(b"\n\n"):
        if not block.strip():
            continue
        first, *rest = block.strip(b"\n").split(b"\n")
        if not first.startswith(b"# file: "):
            raise ValueError("not an ACL")
        name = _ESCAPE.sub(_unescaped, first.removeprefix(b"# file: "))
        entries = []
        for line in rest:
            if line.startswith(b"#"):
                continue
            entry = words(line.decode("utf-8", "replace").partition("#")[0])
            if not _ENTRY.fullmatch(entry) or not entry.isprintable():
                raise ValueError("not an entry of an ACL")
            if not entry.startswith(_IN_THE_MODE):
                entries.append(entry)
        found[name] = unordered(entries)
    return found


def _unescaped(match: re.Match[bytes]) -> bytes:
    return b"\\" if match[1] == b"\\" else bytes([int(match[1], 8)])


def rights_taker(scene: Scene, asked: list[str], *, others: bool = False) -> Callable[[Reply], None]:
    """With `others`, more may be told of than was asked about."""
    by_name = {wire_name(relative(path)): path for path in asked}

    def take(reply: Reply) -> None:
        if reply.failure:
            _unasked(scene, asked, "acl", reply.failure)
            return
        tool, _, rest = reply.body.partition(b"\0")
        try:
            if tool == b"ls":
                for name in rest.split(b"\0")[:-1]:
                    scene.unproven[by_name[name]] = reason(reasons.TOOL_MISSING, "getfacl")
            elif tool == b"getfacl" and rest.endswith(b"\0"):
                for name, entries in parse_acls(rest[:-1]).items():
                    if name in by_name or not others:
                        scene.rights.setdefault(by_name[name], {})["acl"] = entries
            else:
                raise ValueError("not ACLs")
        except (ValueError, KeyError):
            scene.unproven |= dict.fromkeys(asked, reason(reasons.GARBLED, "ACLs"))
        _settle(scene, asked)

    return take


def capabilities_taker(scene: Scene, asked: list[str], *, others: bool = False) -> Callable[[Reply], None]:
    """With `others`, more may be told of than was asked about."""
    by_name = {relative(path): path for path in asked}

    def take(reply: Reply) -> None:
        if reply.failure:
            _unasked(scene, asked, "capabilities", reply.failure)
            return
        text = reply.body.decode("utf-8", "surrogateescape")
        for line in filter(None, text.split("\n")):
            path, shown = _split_capabilities(line, by_name)
            if not path and others and line.startswith("./"):
                continue
            if not path:
                scene.unproven |= dict.fromkeys(asked, reason(reasons.GARBLED, "capabilities"))
                break
            scene.rights.setdefault(path, {})["capabilities"] = shown
        _settle(scene, asked)

    return take


def _split_capabilities(line: str, by_name: Mapping[str, str]) -> tuple[str, str]:
    """ "./usr/bin/ping cap_net_raw=ep", which was "./usr/bin/ping = cap_net_raw+ep" before 2.41; a name may have spaces."""
    for end in (match.start() for match in re.finditer(" ", line)):
        path = by_name.get(line[:end].removesuffix(" ="))
        if path is not None and _CAPABILITIES.fullmatch(shown := line[end + 1 :].removeprefix("= ")):
            return path, shown.replace("+", "=")
    return "", ""


def _unasked(scene: Scene, asked: list[str], attribute: str, failure: str) -> None:
    if code_of(failure) not in _NO_TOOL:
        scene.unproven |= dict.fromkeys(asked, failure)
    else:
        not_seen(scene, attribute, failure)
    _settle(scene, asked)


def not_seen(scene: Scene, attribute: str, failure: str) -> None:
    """No tool of the host tells of this attribute: said once."""
    if attribute not in scene.found.unseen:
        scene.found.unseen[attribute] = failure
        what = "ACLs" if attribute == "acl" else attribute
        scene.found.problems.append(f"{what} are not seen: {failure}")


def _settle(scene: Scene, paths: Iterable[str]) -> None:
    """The states of what had to wait for its rights. A file that is read gets its state with its digest."""
    for path in paths:
        if path in scene.unproven or scene.entries[path].type == "d" or not scene.content_matters(path):
            scene.set(path, scene.state(path))
