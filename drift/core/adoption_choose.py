"""Which resources of each host are to be declared, with which attributes; and of all others why they are not.

Nothing is dropped without a word: each resource that was seen is declared, declared already, or left out with a
reason.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deployments.collector.reasons import SECRET, code_of
from deployments.core.definition.sections import KIND_TO_SECTION
from deployments.core.left_out_paths import covered_by, nobodys
from deployments.core.states import Present, State, Unknown
from drift.core.adoption import CONTENT, Content, LeftOut, Options, SeenHost, Text
from drift.core.adoption_attributes import ONLY_SEEN, RULES, Fleet, is_meant
from drift.core.adoption_paths import below, every_entry_counts
from drift.core.adoption_values import fault_of, secret_name

FILE_KINDS = ("file", "directory", "symlink")
PLAIN_DIRECTORY = "a directory like any other (root, 0755)"
SHIPPED = "as its package ships it"
HOLDS_SECRET = "looks like it holds a secret"


@dataclass
class Chosen:
    """`declared` is host → resource → attributes, `already` counts what was declared before."""

    declared: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    already: int = 0


@dataclass(frozen=True)
class Fixed:
    """What holds for all hosts while choosing. `spoken` are, per host, the paths and resources that a layer of the
    definition names already; `texts` are the contents by digest; `dropped` are resources that are not to be declared,
    with the reason; `watched` are the sections that will be watched."""

    options: Options
    roots: tuple[str, ...]
    texts: Mapping[str, Text]
    spoken: Mapping[str, frozenset[str]]
    exhaustive: frozenset[str]
    dropped: Mapping[str, str]
    watched: frozenset[str] = frozenset()


def choose(hosts: Sequence[SeenHost], fixed: Fixed) -> Chosen:
    fleet = _fleet(hosts, fixed)
    changed = _changed_paths(hosts)
    chosen = Chosen()
    reasons: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for host in hosts:
        one = _Host(host, fixed, fleet, changed)
        declared: dict[str, dict[str, Any]] = {}
        for resource, state in host.states.items():
            kind, _, key = resource.partition(":")
            if resource in fixed.spoken[host.name] or (key[:1] == "/" and key in fixed.spoken[host.name]):
                chosen.already += 1
                continue
            answer = one.judge(resource, kind, key, state)
            if isinstance(answer, str):
                reasons[resource, answer, False].append(host.name)
                continue
            attributes, why_no_content = answer
            if why_no_content:
                reasons[resource, why_no_content, True].append(host.name)
            declared[resource] = attributes
        chosen.declared[host.name] = declared
    chosen.left_out = [
        LeftOut(resource, reason, tuple(names), only)
        for (resource, reason, only), names in sorted(reasons.items())
    ]
    return chosen


def _fleet(hosts: Sequence[SeenHost], fixed: Fixed) -> Fleet:
    services = [
        (resource.partition(":")[2], state.data)
        for host in hosts
        for resource, state in host.states.items()
        if resource.startswith("service:") and isinstance(state, Present)
    ]
    return Fleet(
        versions=fixed.options.versions,
        meant=frozenset(key for key, data in services if is_meant(data)),
        running=frozenset(key for key, data in services if data.get("running")),
        as_file=lambda path: fixed.options.files and below(path, fixed.roots) is not None,
    )


def _changed_paths(hosts: Iterable[SeenHost]) -> frozenset[str]:
    """Paths that on one host at least are not as their package ships them."""
    return frozenset(
        key
        for host in hosts
        for resource in host.states
        if (key := resource.partition(":")[2])[:1] == "/" and key not in host.shipped
    )


Judged = tuple[dict[str, Any], str] | str
"""Attributes and why the content is not among them (or nothing), or why the resource is not declared."""


class _Host:
    def __init__(self, host: SeenHost, fixed: Fixed, fleet: Fleet, changed: frozenset[str]) -> None:
        self._host, self._fixed, self._fleet, self._changed = host, fixed, fleet, changed
        listed = [name for name in fixed.options.sections if self._was_listed(name)]
        self._covering = tuple(listed)

    def _was_listed(self, section: str) -> bool:
        return any(
            kind.name == section and self._host.listed.get(f"{kind.kind}:", "not asked") is None
            for kind in KIND_TO_SECTION.values()
        )

    def judge(self, resource: str, kind: str, key: str, state: State) -> Judged:
        section = KIND_TO_SECTION.get(kind)
        if section is None:
            return "this kind can't be declared"
        chosen = "files" if section.type else section.name
        if chosen not in self._fixed.options.sections and kind not in ONLY_SEEN:
            return f"{chosen} were not to be adopted"
        if isinstance(state, Unknown):
            return f"could not be seen: {code_of(state.reason)}"
        if not isinstance(state, Present):
            return "not there"
        if resource in self._fixed.dropped:
            return self._fixed.dropped[resource]
        if fault := section.key(key):
            return f"can't be named in a definition: {fault.message}"
        if kind in FILE_KINDS:
            return self._path(kind, key, state.data)
        return self._listed(resource, kind, key, state.data)

    def _listed(self, resource: str, kind: str, key: str, data: Mapping[str, Any]) -> Judged:
        if self._host.redacted.get(resource):
            return HOLDS_SECRET
        rule = RULES.get(kind)
        answer = rule(key, data, self._fleet) if rule else "this kind is only watched"
        return answer if isinstance(answer, str) else self._allowed(kind, self._telling(kind, answer))

    def _telling(self, kind: str, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without what is as one would expect, where it is watched: what a declaration leaves open there has to stay as
        it was at the first look."""
        section = KIND_TO_SECTION[kind]
        if section.name not in self._fixed.watched:
            return attributes
        expected = section.leaves_out
        telling = {
            name: value
            for name, value in attributes.items()
            if name not in expected or value != expected[name]
        }
        return telling or attributes

    def _allowed(self, kind: str, attributes: Mapping[str, Any]) -> Judged:
        section = KIND_TO_SECTION[kind]
        kept: dict[str, Any] = {}
        for name, value in attributes.items():
            if name not in section.in_state:
                continue
            if fault := fault_of(section, name, value):
                return f"{name} can't be written in a definition: {fault}"
            kept[name] = value
        return (kept, "") if kept else "nothing of it can be declared"

    def _path(self, kind: str, key: str, data: Mapping[str, Any]) -> Judged:
        inside = below(key, self._fixed.exhaustive)
        if why := nobodys(key):
            return why
        if section := self._covered(kind, key):
            return f"compared as {section}"
        if data.get("type") != kind:
            return "neither a file, a directory nor a symbolic link"
        if kind == "symlink":
            said = {name: data[name] for name in ("owner", "group") if data.get(name) != "root"}
            return self._allowed(kind, {"target": data["target"], **said})
        names = ("owner", "group", "mode", "acl", "capabilities")
        said = {name: data[name] for name in names if name in data}
        if kind == "directory":
            return self._directory(key, said, inside)
        if key not in self._changed and not self._fixed.options.shipped and not inside:
            return SHIPPED
        answer = self._allowed(kind, said)
        if isinstance(answer, str):
            return answer
        content, why_not = self._content(key, data)
        if content is not None:
            answer[0][CONTENT] = content
        return answer[0], why_not

    def _covered(self, kind: str, key: str) -> str | None:
        if kind == "directory":
            return None
        if kind == "symlink" and key.startswith("/etc/systemd/system/") and "services" in self._covering:
            return "services"
        return covered_by(key, self._covering)

    def _directory(self, key: str, said: dict[str, Any], inside: str | None) -> Judged:
        plain = said == {"owner": "root", "group": "root", "mode": "0755"}
        if plain and not inside and key not in self._fixed.exhaustive:
            return PLAIN_DIRECTORY
        answer = self._allowed("directory", said)
        if not isinstance(answer, str) and key in self._fixed.exhaustive:
            answer[0]["exhaustive"] = True
        return answer

    def _content(self, key: str, data: Mapping[str, Any]) -> tuple[Content | None, str]:
        if "hmac" in data:
            return Content(
                secret=secret_name(key)
            ), f"{SECRET}: declared, compared by a keyed digest, never read"
        digest = data.get("sha256", "")
        text = self._fixed.texts.get(digest)
        if text is None:
            why = self._host.withheld.get(digest, "not text")
            return None, f"content not read: {code_of(why)}; owner, group and mode are declared"
        if text.secrets:
            return (
                Content(secret=secret_name(key)),
                f"{HOLDS_SECRET}: declared, compared by a keyed digest, without its content",
            )
        return Content(digest=digest), ""


def exhaustive_directories(hosts: Sequence[SeenHost], wanted: str | tuple[str, ...]) -> tuple[str, ...]:
    """The directories that may be made exhaustive: those that a person named, or where every entry takes effect."""
    if wanted == "none":
        return ()
    seen = {
        resource.partition(":")[2]
        for host in hosts
        for resource, state in host.states.items()
        if resource.startswith("directory:") and isinstance(state, Present)
    }
    if not isinstance(wanted, str):
        return tuple(sorted(seen & set(wanted)))
    return tuple(sorted(path for path in seen if every_entry_counts(path) and nobodys(path) is None))
