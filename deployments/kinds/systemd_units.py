"""What `systemctl show` says of units: shared by services and timers."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.kinds.path_entries import GarbledError
from deployments.kinds.tool_outputs import ToolOutput

MAX_UNITS = 20_000
_ID = re.compile(r"[A-Za-z0-9:_.\\@-]{1,256}\.[a-z]{3,9}", re.ASCII)
_ENDS = {"service", "socket", "path", "timer"}
_ENABLED = {
    "enabled": True,
    "disabled": False,
    "linked": False,
    "indirect": False,
    "masked": False,
    "bad": False,
}
_UP = frozenset({"active", "reloading", "refreshing"})


class Unit:
    """One unit, by its properties. What a unit does not have is empty."""

    def __init__(self, properties: Mapping[str, list[str]]) -> None:
        self._properties = properties

    def all(self, name: str) -> list[str]:
        return self._properties.get(name, [])

    def __getitem__(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def id(self) -> str:
        return self["Id"]

    @property
    def type(self) -> str:
        """ "service", "socket", "path" or "timer"."""
        return self.id.rpartition(".")[2]

    @property
    def file_state(self) -> str:
        """How `systemctl is-enabled` names it, without the difference between now and always."""
        return self["UnitFileState"].removesuffix("-runtime")

    @property
    def is_instance(self) -> bool:
        return "@" in self.id

    @property
    def is_of_the_host(self) -> bool:
        """Whether it is something that somebody set up: not a session, a connection, a unit made for one moment.

        An instance of a template is, when it is enabled, or when somebody started it by hand.
        """
        if self["LoadState"] == "not-found" or self["Transient"] == "yes" or self.file_state == "transient":
            return False
        if not self.is_instance or self.file_state in ("enabled", "linked", "masked"):
            return True
        return self.file_state == "disabled" and self.is_up and not self["TriggeredBy"]

    @property
    def enabled(self) -> bool | None:
        """Whether it is started at boot by what is stored; None for one that can't be enabled or disabled.

        What is enabled until the next boot only is not. What a generator made, of a script in /etc/init.d say, is
        when something wants it.
        """
        if self["UnitFileState"] == "generated":
            return bool(self["WantedBy"] or self["RequiredBy"])
        if self["UnitFileState"].endswith("-runtime"):
            return False
        return _ENABLED.get(self.file_state)

    @property
    def masked(self) -> bool:
        return self.file_state == "masked" or self["LoadState"] == "masked"

    @property
    def is_up(self) -> bool:
        return self["ActiveState"] in _UP

    @property
    def moving(self) -> str | None:
        """The reason why whether it runs can't be told: it is just being started or stopped. A service that fails
        again and again, and rests in between, does not run."""
        state, sub = self["ActiveState"], self["SubState"]
        if state in ("activating", "deactivating") and not sub.startswith("auto-restart"):
            return reason(reasons.CHANGED, f"{state} ({sub})")
        if state in ("inactive", "failed") and self["Job"] not in ("", "0"):
            return reason(reasons.CHANGED, "about to start")
        return None

    @property
    def changed_at(self) -> float | None:
        """When it last went up or down, seconds since 1970 by the host's clock."""
        try:
            date = self["StateChangeTimestamp"].partition(" ")[2].removesuffix(" UTC")
            return datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()
        except (ValueError, OverflowError):
            return None


def parse_units(output: ToolOutput) -> Iterator[Unit]:
    """Each unit once, in the order of the answer; the last one of an answer that failed is left out as cut.

    Raises GarbledError for what `systemctl show` does not print.
    """
    if output.text.count("\n\n") > MAX_UNITS:
        raise GarbledError(f"more than {MAX_UNITS} units")
    blocks = output.text.split("\n\n")
    if output.failure or not output.text.endswith("\n"):
        blocks = blocks[:-1]
    seen: set[str] = set()
    for block in blocks:
        properties: dict[str, list[str]] = {}
        for line in filter(None, block.split("\n")):
            name, equals, value = line.partition("=")
            if not equals:
                raise GarbledError("a line of a unit without a value")
            properties.setdefault(name, []).append(value)
        unit = Unit(properties)
        if unit.id in seen or not properties:
            continue
        if not _ID.fullmatch(unit.id) or unit.type not in _ENDS:
            raise GarbledError(f"not a unit: {unit.id[:80]}")
        seen.add(unit.id)
        yield unit
