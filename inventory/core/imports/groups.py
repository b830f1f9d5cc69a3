"""Hosts, groups and variables as an Ansible inventory has them, and what every host inherits.

Both the INI and the YAML reader fill a GroupTree; precedence is Ansible's: `all` first, then groups from the
outermost to the innermost, at one depth by `ansible_group_priority` and then by name, then the host itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.core.imports.plan import MAX_HOSTS, Findings

_MAX_MENTIONS = 3_000_000
_BUILT_IN = frozenset({"all", "ungrouped"})


@dataclass(frozen=True)
class Located:
    """A value and the line that gave it."""

    value: Any
    line: int


@dataclass
class Group:
    name: str
    line: int
    variables: dict[str, Located] = field(default_factory=dict)
    parents: dict[str, int] = field(default_factory=dict)  # parent → line that says so
    depth: int = 0


@dataclass
class Member:
    """A host as it stands in the file: its own variables and the groups that list it."""

    name: str
    line: int
    variables: dict[str, Located] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)


@dataclass
class GroupTree:
    """`groups` is in the order of first mention, which is also the order of roles."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, Member] = field(default_factory=dict)
    overflow: int = 0  # the line of the first host too many; readers stop there
    _mentions: int = 0

    def group(self, name: str, line: int) -> Group:
        return self.groups.setdefault(name, Group(name, line))

    def add_hosts(
        self, names: Sequence[str], group: str, line: int, variables: Mapping[str, Located]
    ) -> None:
        """Note that a group lists these hosts, with these variables; beyond what is sane, note the overflow."""
        self._mentions += len(names) * (1 + len(variables))
        for name in names:
            member = self.hosts.get(name)
            if member is None:
                member = self.hosts[name] = Member(name, line)
            member.groups[group] = None
            member.variables.update(variables)
            if len(self.hosts) > MAX_HOSTS or self._mentions > _MAX_MENTIONS:
                self.overflow = line
                return

    def settle(self, findings: Findings) -> None:
        """Work out who is ungrouped and every group's depth below `all`; a group inside itself is a problem."""
        if self.overflow:
            findings.problem(
                self.overflow,
                f"there are more than {MAX_HOSTS:,} hosts, or they are named too often",
                "Import them in parts.",
            )
        self.group("ungrouped", 0)
        for member in self.hosts.values():
            if set(member.groups) - _BUILT_IN:
                member.groups.pop("ungrouped", None)
            else:
                member.groups["ungrouped"] = None
        children: dict[str, list[str]] = {name: [] for name in self.groups}
        waiting_for = {name: len(group.parents) for name, group in self.groups.items()}
        for name, group in self.groups.items():
            for parent in group.parents:
                children[parent].append(name)
        ready = [name for name, count in waiting_for.items() if not count]
        while ready:
            name = ready.pop()
            group = self.groups[name]
            group.depth = (
                0 if name == "all" else 1 + max((self.groups[up].depth for up in group.parents), default=0)
            )
            for child in children[name]:
                waiting_for[child] -= 1
                if not waiting_for[child]:
                    ready.append(child)
        stuck = {name for name, count in waiting_for.items() if count}
        if stuck:
            self._tell_loop(stuck, findings)

    def ancestors(self, member: Member) -> set[str]:
        """Every group the host is in, directly or through its groups' parents; not `all`."""
        found: set[str] = set()
        waiting = list(member.groups)
        while waiting:
            name = waiting.pop()
            if name not in found and name != "all":
                found.add(name)
                waiting += self.groups[name].parents
        return found

    def inherited(self, member: Member, ancestors: Iterable[str]) -> dict[str, Located]:
        """The host's variables after all its groups', later and inner ones winning."""
        values = dict(self.groups["all"].variables) if "all" in self.groups else {}
        for group in sorted((self.groups[name] for name in ancestors), key=_precedence):
            values.update(group.variables)
        values.update(member.variables)
        return values

    def _tell_loop(self, stuck: set[str], findings: Findings) -> None:
        """Every stuck group has a stuck parent, so going up from any of them ends in the loop."""
        way = [min(stuck, key=lambda name: self.groups[name].line)]
        while way[-1] not in way[:-1]:
            way.append(next(parent for parent in self.groups[way[-1]].parents if parent in stuck))
        loop = way[way.index(way[-1]) :]
        findings.problem(
            self.groups[loop[0]].parents[loop[1]],
            f"group {loop[0]} is inside itself: {' < '.join(loop)}",
            "Take one of these out of the children of another.",
        )


def _precedence(group: Group) -> tuple[int, int, str]:
    priority = group.variables.get("ansible_group_priority")
    number = priority.value if priority and isinstance(priority.value, int) else 1
    return group.depth, number, group.name
