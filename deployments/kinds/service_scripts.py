"""Services of OpenRC and of sysvinit: scripts in /etc/init.d, and what links to them.

Neither knows masks or drop-ins: where those are declared, a service has none. sysvinit can't say what runs without
running the scripts, so that is unknown where it is declared.
"""

import re

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.core.states import Present, State, Unknown
from deployments.kinds.listing import Listed
from deployments.kinds.path_entries import GarbledError
from deployments.kinds.tool_outputs import ToolOutput

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@:-]{0,200}", re.ASCII)
_NO_SERVICES = frozenset(
    {"functions.sh", "functions", "rc", "rcS", "README", "skeleton", "halt", "killall", "single"}
)
_NEVER: dict[str, object] = {"masked": False, "drop_ins": {}}


def parse_openrc(output: ToolOutput) -> Listed:
    """From lines `script NAME`, `enabled NAME` (in any runlevel), `started NAME` and the other states of rc-service."""
    said = _said(output)
    states: dict[str, State] = {}
    declared: dict[str, State] = {}
    unseen: dict[str, dict[str, str]] = {}
    for name in said["script"]:
        data: dict[str, object] = {"enabled": name in said["enabled"]}
        moving = next((state for state in ("starting", "stopping") if name in said[state]), "")
        if moving:
            states[name] = Unknown(reason(reasons.CHANGED, moving))
            unseen[name] = {"running": reason(reasons.CHANGED, moving)}
        else:
            data["running"] = name in said["started"]
            states[name] = Present(data)
        declared[name] = Present({**data, **_NEVER})
    return Listed(states, output.failure, declared=declared, unseen=unseen)


def parse_sysv(output: ToolOutput) -> Listed:
    """From lines `script NAME` and `enabled NAME` (started in runlevel S or 2 to 5)."""
    said = _said(output)
    why = reason(reasons.NOT_SUPPORTED, "sysvinit does not say what runs")
    enabled = {name: {"enabled": name in said["enabled"]} for name in said["script"]}
    return Listed(
        {name: Present(data) for name, data in enabled.items()},
        output.failure,
        declared={name: Present({**data, **_NEVER}) for name, data in enabled.items()},
        unseen={name: {"running": why} for name in enabled},
    )


def _said(output: ToolOutput) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {
        what: [] for what in ("script", "enabled", "started", "starting", "stopping", "inactive", "failed")
    }
    for line in output.lines:
        what, _, name = line.partition(" ")
        if what not in said:
            raise GarbledError("not a line about a service")
        if (
            _NAME.fullmatch(name)
            and name not in _NO_SERVICES
            and not name.endswith((".sh", "~", ".dpkg-dist"))
        ):
            said[what].append(name)
    return said
