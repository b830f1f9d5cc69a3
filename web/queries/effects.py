"""What a fold-back does to hosts, as pages show it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class HostOutcome:
    """What a decision does on some hosts: the heading, the hosts, and how loud it is."""

    label: str
    hosts: list[str]
    tone: str = ""


@dataclass(frozen=True)
class EffectView:
    """What a fold-back does to hosts, as the API's `effect` says."""

    considered: int
    outcomes: list[HostOutcome]
    missed: list[str]
    joined: list[str]
    rows: list[dict[str, Any]]
    more_rows: int

    @property
    def changed(self) -> list[str]:
        return next((outcome.hosts for outcome in self.outcomes if outcome.label == "will be changed"), [])


_OUTCOMES = (
    ("already_right", "already right", "rests"),
    ("changed", "will be changed", "asks"),
    ("in_conflict", "in conflict", "broke"),
    ("no_longer_managed", "no longer managed", "off"),
    ("unknown", "can’t be said", "broke"),
)


def effect_view(effect: dict[str, Any], most: int = 50) -> EffectView | None:
    if not effect:
        return None
    hosts = effect.get("hosts") or {}
    rows = effect.get("resources") or []
    return EffectView(
        considered=int(effect.get("hosts_considered") or 0),
        outcomes=[
            HostOutcome(label, list(hosts[key]), tone) for key, label, tone in _OUTCOMES if hosts.get(key)
        ],
        missed=list(effect.get("missed") or []),
        joined=list(effect.get("joined") or []),
        rows=rows[:most],
        more_rows=max(0, int(effect.get("resources_total") or len(rows)) - most),
    )
