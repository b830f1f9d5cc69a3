"""Listening TCP and UDP sockets with the process that has them, by protocol, address and port: `tcp/0.0.0.0:80`.

Loopback counts. Ports of the range that the kernel gives to clients come and go, so they are told only where they
are declared. Who has a socket is told to root only: for anybody else the process is unknown, never another one.
A socket that no process of the host has (the kernel's, or one in a container) has the process "".
"""

import re
from dataclasses import dataclass, field

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import never_raising
from deployments.kinds.listing import Listed, ListedKind

DENIED = reason(reasons.DENIED, "which process")
NOT_TOLD = reason(reasons.TOOL_MISSING, "ss, to tell which process")
_CLIENTS = (32768, 60999)  # the kernel's own default
_ADDRESS = r"(?P<address>[0-9A-Za-z.:%*\[\]@_-]{1,120}):(?P<port>\d{1,5})"
_SS = re.compile(
    rf"(?P<protocol>tcp|udp) +(?:LISTEN|UNCONN) +\d+ +\d+ +{_ADDRESS} +\S+(?: +users:\((?P<users>.*)\))? *"
)
_SS_USER = re.compile(r"\(\"(.{0,64}?)\",pid=\d+,(?:[a-z_]+=[^,()]*,)*fd=\d+\)")
_NETSTAT = re.compile(
    rf"(?P<protocol>tcp|udp)6? +\d+ +\d+ +{_ADDRESS} +\S+(?: +LISTEN)?(?: +(?P<program>-|\d+/.*?))? *"
)
_HEADERS = ("Netid", "State", "Active Internet", "Proto")


@dataclass(slots=True)
class _Sockets:
    """Names of the processes of each socket; None where they were not told."""

    processes: dict[str, set[str] | None] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    def add(self, match: re.Match[str], names: set[str] | None) -> None:
        address = match["address"]
        if ":" in address and not address.startswith("["):
            address = f"[{address}]"  # ":::22" of netstat and of an old ss
        key = f"{match['protocol']}/{address}:{int(match['port'])}"
        self.ports[key] = int(match["port"])
        known = self.processes.setdefault(key, names)
        if known is not None and names is not None:
            known |= names


def _parse(body: bytes) -> Listed:
    *fields, unended = body.split(b"\0")
    said = dict(part.decode("utf-8", "replace").partition("/")[::2] for part in fields)
    tool = "ss" if "ss" in said else "netstat"
    if unended or tool not in said or not said.get("uid", "").isdigit():
        return Listed(incomplete=reason(reasons.GARBLED, "no sockets"))
    sockets = _Sockets()
    for line in said[tool].split("\n"):
        if not line.strip() or line.startswith(_HEADERS):
            continue
        if line == "failed":
            return Listed(incomplete=reason(reasons.READ_ERROR, tool))
        match = (_SS if tool == "ss" else _NETSTAT).fullmatch(line)
        if match is None or int(match["port"]) > 65535:
            return Listed(incomplete=reason(reasons.GARBLED, f"a line of {tool}"))
        sockets.add(match, _names(match))
    told = tool == "ss" or "PID/Program" in said[tool]
    return _listed(
        sockets, root=said["uid"].strip("0") == "", told=told, clients=_range(said.get("range", ""))
    )


def _names(match: re.Match[str]) -> set[str] | None:
    if "users" in match.groupdict():
        return {_name(name) for name in _SS_USER.findall(match["users"])} if match["users"] else None
    if not match["program"] or match["program"] == "-":
        return None
    # "812/sshd: /usr/sbin/sshd": its own words about itself follow the name.
    return {_name(match["program"].partition("/")[2].split(" ")[0].rstrip(":"))}


def _listed(sockets: _Sockets, *, root: bool, told: bool, clients: tuple[int, int]) -> Listed:
    states: dict[str, State] = {}
    declared: dict[str, State] = {}
    unseen: dict[str, dict[str, str]] = {}
    for key, names in sockets.processes.items():
        declared[key] = Present({"process": ", ".join(sorted(names or ()))})
        watched = declared[key]
        if names is None and not (root and told):
            why = DENIED if told else NOT_TOLD
            declared[key], unseen[key], watched = Present({}), {"process": why}, Unknown(why)
        if not clients[0] <= sockets.ports[key] <= clients[1]:
            states[key] = watched
    return Listed(states, declared=declared, unseen=unseen)


def _range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,5})\s+([0-9]{1,5})\s*", text)
    return (int(match[1]), int(match[2])) if match else _CLIENTS


def _name(text: str) -> str:
    return printable(text, 64)


PORTS = ListedKind("port", "ports", ("process",), verb="ports", parse=never_raising(_parse))
