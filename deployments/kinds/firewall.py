"""Rules of the firewall, table by table: `nft/inet/filter`, `iptables/filter`, `ip6tables/filter`.

What the rules count while they work is left out: counters, used quotas, elements of dynamic sets. A table that
iptables keeps in nftables is told once, as iptables shows it, which shows more of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.collector import reasons
from deployments.collector.reasons import reason
from deployments.core.canonical import lines
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import never_raising, redacted_lines
from deployments.kinds.listing import Listed, ListedKind
from deployments.kinds.path_entries import GarbledError

MAX_RULES = 10_000
_TABLE = re.compile(r"table (?P<family>[a-z0-9]{1,10}) (?P<name>\S{1,128}) \{")
_BLOCK = re.compile(r"(?P<name>[a-z][a-z0-9 ]{1,20} \S{1,128}|\S{1,128}) \{")
_COUNTED = re.compile(r" (?:packets|bytes) \d+(?= |$)|(?<= )used \d+ \w+ ?|^packets \d+ bytes \d+$")
_SAVED_TABLE = re.compile(r"\*([a-z]{1,32})")
_SAVED_POLICY = re.compile(r"(:\S{1,128} \S{1,32})(?: \[\d+:\d+\])?")
_NOT_WHOLE = re.compile(r"# Table `(\w{1,32})' (?:is|contains) incompatible")
_FAMILY = {"iptables": "ip", "ip6tables": "ip6"}


@dataclass(slots=True)
class _Tables:
    rules: dict[str, list[str]] = field(default_factory=dict)
    idle: dict[str, list[str]] = field(default_factory=dict)
    """Tables of iptables without a rule: they appear when somebody lists them."""
    failed: list[str] = field(default_factory=list)

    def add_nft(self, text: str) -> None:
        for key, rules in nft_tables(text).items():
            self.rules[f"nft/{key}"] = rules

    def add_saved(self, tool: str, text: str) -> None:
        """What iptables-save printed. A second, older set of tables in the kernel is marked as such."""
        name, _, legacy = tool.partition("-")
        mark = "legacy: " if legacy and any(key.startswith(f"{name}/") for key in self.rules) else ""
        for table, rules in saved_tables(text).items():
            key = f"{name}/{table}"
            if all(rule.startswith(":") and rule.split()[1] in ("ACCEPT", "-") for rule in rules):
                self.idle.setdefault(key, rules)
            else:
                self.rules.setdefault(key, []).extend(mark + rule for rule in rules)
            if not legacy:
                self.rules.pop(f"nft/{_FAMILY[name]}/{table}", None)


def nft_tables(text: str) -> dict[str, list[str]]:
    """`nft list ruleset` by "family/name": each line with the chain or set that it is in. Raises GarbledError."""
    tables: dict[str, list[str]] = {}
    table: list[str] | None = None
    block, dynamic, pending = "", False, ""
    for raw in text.split("\n"):
        line = f"{pending} {raw.strip()}".strip()
        if pending or (line.startswith("elements = {") and not line.endswith("}")):
            pending = "" if line.endswith("}") else line
            if pending:
                continue
        if not line or line.startswith("#"):
            continue
        if table is None:
            match = _TABLE.fullmatch(line)
            if match is None:
                raise GarbledError("nft: not a table")
            table = tables.setdefault(f"{match['family']}/{match['name']}", [])
        elif line == "}":
            block, table = ("", table) if block else ("", None)
        elif not block and (match := _BLOCK.fullmatch(line)):
            block, dynamic = match["name"], False
            table.append(f"{block}:")
        else:
            dynamic = dynamic or (line.startswith("flags") and ("dynamic" in line or "timeout" in line))
            kept = _COUNTED.sub("", line).strip()
            if kept and not (dynamic and line.startswith("elements")):
                table.append(f"{block}: {kept}" if block else kept)
    if table is not None or pending:
        raise GarbledError("nft: a table without an end")
    return tables


def saved_tables(text: str) -> dict[str, list[str]]:
    """`iptables-save` by table. What it says that it can't show is not there. Raises GarbledError."""
    tables: dict[str, list[str]] = {}
    skipped: set[str] = set()
    table: list[str] | None = None
    for raw in text.split("\n"):
        line = raw.strip()
        if match := _NOT_WHOLE.match(line):
            skipped.add(match[1])
        if not line or line.startswith("#"):
            continue
        if table is None:
            if (match := _SAVED_TABLE.fullmatch(line)) is None:
                raise GarbledError("iptables: not a table")
            table = tables.setdefault(match[1], [])
        elif line == "COMMIT":
            table = None
        elif match := _SAVED_POLICY.fullmatch(line):
            table.append(match[1])
        elif line.startswith("-"):
            table.append(line)
        else:
            raise GarbledError("iptables: not a rule")
    if table is not None:
        raise GarbledError("iptables: a table without an end")
    return {name: rules for name, rules in tables.items() if name not in skipped}


def _parse(body: bytes) -> Listed:
    *fields, unended = body.decode("utf-8", "replace").split("\0")
    if unended or not fields or fields.pop() != "end/":
        raise GarbledError("rules without an end")
    tables = _Tables()
    rest = iter(fields)
    for head in rest:
        tool, _, text = head.partition("/")
        if tool == "missing":
            tables.failed.append(reason(reasons.TOOL_MISSING, text))
            continue
        code, _, error = next(rest, "").partition(" ")
        if code != "0":
            tables.failed.append(_why(tool, error))
        elif tool == "nft":
            tables.add_nft(text)
        elif tool.removesuffix("-legacy") in _FAMILY:
            tables.add_saved(tool, text)
        else:
            raise GarbledError("an unknown tool")
    return _listed(tables)


def _listed(tables: _Tables) -> Listed:
    states: dict[str, State] = {}
    redacted: dict[str, int] = {}
    for key, rules in tables.rules.items():
        states[key] = _state(key, rules, redacted)
    idle: Mapping[str, State] = {
        key: _state(key, rules, redacted) for key, rules in tables.idle.items() if key not in states
    }
    return Listed(states, next(iter(tables.failed), None), redacted=redacted, declared=idle)


def _state(key: str, rules: list[str], redacted: dict[str, int]) -> State:
    if len(rules) > MAX_RULES:
        return Unknown(reason(reasons.OVER_LIMIT, f"more than {MAX_RULES} rules"))
    shown, count = redacted_lines(lines("".join(filter(str.isprintable, rule)) for rule in rules))
    if count:
        redacted[key] = count
    return Present({"rules": shown})


def _why(tool: str, error: str) -> str:
    if "ermission denied" in error or "not permitted" in error or "must be root" in error:
        return reason(reasons.DENIED, tool)
    return reason(reasons.READ_ERROR, f"{tool}: {error}")


FIREWALL = ListedKind("firewall", "firewall", ("rules",), verb="firewall", parse=never_raising(_parse))
