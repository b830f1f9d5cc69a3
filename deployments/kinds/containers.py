"""Containers of docker and of root's podman: image, running, restart policy, published ports. Never an environment.

A container that removes itself when it ends (`--rm`) is told only where it is declared.
"""

import json
import re
from typing import Any

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.canonical import unordered
from deployments.core.redaction import redact_command
from deployments.core.states import Present, State
from deployments.kinds.host_texts import never_raising
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.path_entries import GarbledError

_ENGINES = ("docker", "podman")
_WHY = {
    "denied": lambda engine: reason(reasons.DENIED, engine),
    "missing": lambda engine: reason(reasons.TOOL_MISSING, engine),
    "stopped": lambda engine: reason(reasons.READ_ERROR, f"{engine} is not running"),
}
_NAME = re.compile(r"/?([A-Za-z0-9][A-Za-z0-9_.-]{0,254})")
_DENIED = re.compile(r"permission denied|not permitted", re.IGNORECASE)
_GONE = re.compile(r"no such (?:object|container)", re.IGNORECASE)
_FIELDS = 7
_DECODE = json.JSONDecoder().raw_decode


def _parse(body: bytes) -> Listed:
    *fields, unended = body.decode("utf-8", "replace").split("\0")
    if unended or not fields or fields.pop() != "end/":
        raise GarbledError("containers without an end")
    failed: list[str] = []
    states: dict[str, State] = {}
    brief: dict[str, State] = {}
    redacted: dict[str, int] = {}
    rest = iter(fields)
    for head in rest:
        engine, _, text = head.partition("/")
        said = next(rest, "")
        if engine == "x" and text in _ENGINES and said in _WHY:
            failed.append(_WHY[said](text))
            continue
        code, _, error = said.partition(" ")
        if engine not in _ENGINES or not code.isdigit():
            raise GarbledError("an unknown engine")
        # One that ended between the list and the look is not an error.
        if code != "0" and not all(_GONE.search(line) for line in error.splitlines() or [""]):
            denied = _DENIED.search(error)
            failed.append(
                reason(reasons.DENIED, engine) if denied else reason(reasons.READ_ERROR, f"{engine}: {error}")
            )
            continue
        for line in filter(None, text.split("\n")):
            name, data, removes_itself = _container(line)
            (brief if removes_itself else states)[f"{engine}/{name}"] = Present(data)
            image = redact_command(data["image"])
            if image.count:
                data["image"], redacted[f"{engine}/{name}"] = image.text, image.count
                (brief if removes_itself else states)[f"{engine}/{name}"] = Present(data)
    return Listed(states, next(iter(failed), None), redacted=redacted, declared=brief)


def _container(line: str) -> tuple[str, dict[str, Any], bool]:
    """One line of the template in the verb: seven JSON values."""
    values: list[Any] = []
    position = 0
    while position < len(line) and len(values) < _FIELDS:
        try:
            value, position = _DECODE(line, position)
        except ValueError:
            raise GarbledError("not a container") from None
        values.append(value)
        position += 1
    if len(values) < _FIELDS or position < len(line):
        raise GarbledError("not a container")
    name, image, image_id, running, restart, ports, removes_itself = values
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None or not isinstance(image, str) or not isinstance(running, bool):
        raise GarbledError("not a container")
    data = {
        "image": printable(image, 300),
        "image_id": printable(image_id, 100).removeprefix("sha256:")[:64],
        "running": running,
        "restart": printable(restart or "no", 40),
        "ports": _ports(ports),
    }
    return match[1], data, removes_itself is True


def _ports(bindings: Any) -> list[str]:
    """`{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}` → `["*:8080->80/tcp"]`."""
    if bindings is None:
        return []
    if not isinstance(bindings, dict) or len(bindings) > 10_000:
        raise GarbledError("not ports")
    return unordered(
        printable(f"{bound.get('HostIp') or '*'}:{bound.get('HostPort') or 'any'}->{port}", 100)
        for port, all_bound in bindings.items()
        for bound in (all_bound if isinstance(all_bound, list) else ())
        if isinstance(bound, dict)
    )


CONTAINERS = ListedKind(
    "container",
    "containers",
    ("image", "image_id", "running", "restart", "ports"),
    verb="containers",
    parse=never_raising(_parse),
)
