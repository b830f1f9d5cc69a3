"""How much could go wrong with a change, and why. Whoever files it may raise this, and never lower it."""

from collections.abc import Collection
from dataclasses import dataclass

from changemgmt.core import words

MANY, VERY_MANY = 10, 100  # hosts
PRODUCTION = frozenset({"prod", "production", "live"})
# Who may sign in, with which rights, and what gets through to the host: a mistake here locks people out.
DELICATE = frozenset(
    {"user", "group", "sudoers", "authorized_keys", "firewall", "mount", "kernel_module", "sysctl"}
)


@dataclass(frozen=True)
class Risk:
    level: str
    reasons: tuple[str, ...]


def assess(
    *,
    kind: str,
    hosts: int,
    environments: Collection[str],
    resources: Collection[str],
    freeze: str = "",
    has_backout: bool = True,
    said: str = "",
) -> Risk:
    """The risk of a change of `kind` on so many hosts; each reason is one point more, or two.

    `resources` are ids (`sysctl:net.core.somaxconn`); `freeze` names the freeze that its time is in; `said` is what
    whoever files it says, which counts when it is more. Points: 0 and 1 low, 2 and 3 medium, 4 and more high.
    """
    points: list[tuple[int, str]] = []
    if hosts >= VERY_MANY:
        points.append((2, f"{hosts} hosts at once"))
    elif hosts >= MANY:
        points.append((1, f"{hosts} hosts at once"))
    if production := sorted(one for one in environments if one.lower() in PRODUCTION):
        points.append((1, f"in {', '.join(production)}"))
    if delicate := sorted({resource.partition(":")[0] for resource in resources} & DELICATE):
        points.append((1, f"touches {', '.join(delicate)}"))
    if freeze:
        points.append((2, f"inside the freeze {freeze}"))
    if kind == words.EMERGENCY:
        points.append((1, "nobody else looked at it first"))
    if kind == words.NORMAL and not has_backout:
        points.append((1, "no way back is written down"))
    total = sum(point for point, _ in points)
    level = words.LOW if total < 2 else words.MEDIUM if total < 4 else words.HIGH
    reasons = [reason for _, reason in points]
    if said and words.RISKS.index(said) > words.RISKS.index(level):
        level = said
        reasons.append("raised by whoever filed it")
    return Risk(level, tuple(reasons))
