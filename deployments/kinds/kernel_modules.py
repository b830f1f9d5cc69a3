"""Modules of the kernel: loaded now, to be loaded at boot, kept from being loaded.

An entry is there when one of the three is so. What is built into the kernel counts as loaded where it is declared.
"""

import re
from collections.abc import Iterator

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.core.states import Present, State
from deployments.kinds.conf_folders import in_effect, settings
from deployments.kinds.host_texts import HostTexts, denied_whole, never_raising, parse_texts
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.path_entries import GarbledError
from deployments.kinds.tool_outputs import parse_tools

AT_BOOT = "/etc/modules"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)
_LOADED = re.compile(r"([A-Za-z0-9_]{1,100}) [0-9]+ [0-9-]+ \S+ (Live|Loading|Unloading) .*")
_NOTHING = re.compile(r"(?:/usr)?/bin/(?:false|true)|/sbin/nologin|:")


def name_of(text: str) -> str | None:
    """A module's name as the kernel shows it: `br-netfilter` is `br_netfilter`."""
    return text.replace("-", "_") if _NAME.fullmatch(text) else None


def at_boot(texts: HostTexts) -> dict[str, str]:
    """Module → the file that has it loaded at boot."""
    found: dict[str, str] = {}
    for path in (*in_effect(texts.texts, "modules-load.d"), AT_BOOT):
        for line in settings(texts.texts.get(path, "")):
            if name := name_of(line.split()[0]):
                found[name] = path
    return found


def blacklisted(texts: HostTexts) -> dict[str, str]:
    """Module → the file that keeps it from being loaded: by `blacklist`, or by an `install` that does nothing."""
    found: dict[str, str] = {}
    for path in in_effect(texts.texts, "modprobe.d"):
        for line in settings(texts.texts[path], ("#",)):
            words = line.split()
            stops = words[0] == "blacklist" and len(words) > 1
            stops = stops or (
                words[0] == "install" and len(words) == 3 and bool(_NOTHING.fullmatch(words[2]))
            )
            if stops and (name := name_of(words[1])):
                found[name] = path
    return found


def loaded(lines: list[str]) -> Iterator[str]:
    """From /proc/modules. Raises GarbledError for a line that the kernel does not write."""
    for line in lines:
        match = _LOADED.fullmatch(line)
        if match is None:
            raise GarbledError("not a line of /proc/modules")
        yield match[1]


def _parse(body: bytes) -> Listed:
    tools, rest = parse_tools(body)
    texts = parse_texts(rest)
    hidden = denied_whole(texts.failed)
    if hidden:  # it could hold a line about any of them
        return Listed(incomplete=hidden)
    why = incomplete = None
    if "rooted" in tools:
        why = incomplete = reason(reasons.NOT_SUPPORTED, "only a running system can tell")
    elif "loaded" not in tools:  # then none is, and what would be a module elsewhere may be built in
        why = reason(reasons.NOT_SUPPORTED, "a kernel without modules")
    else:
        incomplete = tools["loaded"].failure
    now = set(loaded(tools["loaded"].lines)) if why is None else set()
    built_in = tools["builtin"].lines if "builtin" in tools else []
    inside = {name for path in built_in if (name := name_of(path.rpartition("/")[2].removesuffix(".ko")))}
    then, never = at_boot(texts), blacklisted(texts)

    def state(name: str, running: bool) -> State:
        seen = {"loaded": running} if why is None else {}
        return Present({**seen, "at_boot": name in then, "blacklisted": name in never})

    states = {name: state(name, name in now) for name in sorted(now | then.keys() | never.keys())}
    evidence = {
        name: texts.evidence[path] for name, path in {**then, **never}.items() if path in texts.evidence
    }
    return Listed(
        states,
        incomplete,
        evidence,
        declared={name: state(name, True) for name in sorted(inside - now)},
        unseen={"*": {"loaded": why}} if why else {},
        otherwise=state("", False),
    )


KERNEL_MODULES = ListedKind(
    "kernel_module",
    "kernel_modules",
    ("loaded", "at_boot", "blacklisted"),
    verb="modules",
    parse=never_raising(_parse),
)
