"""definition.yaml: what holds for the whole definition."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from deployments.core.definition import checks
from deployments.core.definition.checks import describe
from deployments.core.definition.model import DEFINITION_FILE, FORMAT, IgnoreRule, Problem
from deployments.core.definition.sections import KIND_TO_SECTION, SECTIONS, WATCHABLE
from deployments.core.definition.yaml_read import Fault, Mapping, Node, Scalar, Sequence
from deployments.core.redaction import DEFAULT_SECRET_PATHS, is_secret_path

KEYS = ("format", "watched", "ignore", "secret_paths", "policies")
KNOWN_POLICIES: frozenset[str] = frozenset()
"""Policies arrive with what obeys them; a name that nothing obeys is refused, so that nobody relies on it."""

MAX_WILDCARDS = 8
_WILDCARDS = "*?["


@dataclass
class Settings:
    watched: tuple[str, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()
    secret_paths: tuple[str, ...] = DEFAULT_SECRET_PATHS
    policies: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def report(self, line: int, fault: Fault) -> None:
        self.problems.append(Problem(DEFINITION_FILE, line, *fault))


def read_settings(root: Node | None) -> Settings:
    """The settings that can be read, with every problem of the rest. `root` is the file's document."""
    settings = Settings()
    if not isinstance(root, Mapping):
        line = root.line if root is not None else 1
        settings.report(line, Fault("this file must be a mapping.", f"Begin it with format: {FORMAT}."))
        return settings
    keys = {key.text: (key.line, value) for key, value in root.entries}
    for key, (line, _) in keys.items():
        if key not in KEYS:
            settings.report(line, Fault(f"'{key}' is not a setting.", f"Known are {', '.join(KEYS)}."))
    _format(settings, *keys.get("format", (1, None)))
    for item in _items(settings, "watched", keys):
        _watched(settings, item)
    for item in _items(settings, "ignore", keys):
        _ignore(settings, item)
    for item in _items(settings, "secret_paths", keys):
        _secret_path(settings, item)
    _policies(settings, *keys.get("policies", (1, None)))
    return settings


def ignored_by(resource: str, rules: Iterable[IgnoreRule]) -> IgnoreRule | None:
    """The first rule that calls `resource` (an id, as in `file:/etc/mtab`) noise. Globs of paths are those of secret
    paths, so they ignore case, and mean whatever has that path; globs of resources don't."""
    path = resource.partition(":")[2]
    return next((rule for rule in rules if _is_ignored(rule, resource, path)), None)


def _is_ignored(rule: IgnoreRule, resource: str, path: str) -> bool:
    if rule.resource:
        return fnmatchcase(resource, rule.resource.replace("[", "[[]"))
    return path.startswith("/") and is_secret_path(path, (rule.path,))


def _format(settings: Settings, line: int, node: Node | None) -> None:
    remedy = f"Write format: {FORMAT}."
    if node is None:
        settings.report(line, Fault("the format is not given.", remedy))
    elif not isinstance(node, Scalar) or node.value != FORMAT or isinstance(node.value, bool | float):
        message = f"format {describe(node)} is not known; this version reads format {FORMAT}."
        settings.report(line, Fault(message, f"{remedy} A later format needs a later version."))


def _items(settings: Settings, name: str, keys: dict[str, tuple[int, Node]]) -> list[Node]:
    line, node = keys.get(name, (1, None))
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return []
    if isinstance(node, Sequence):
        return node.items
    settings.report(
        line, Fault(f"{name}: expected a list, found {describe(node)}.", "Write one item a line after '- '.")
    )
    return []


def _watched(settings: Settings, node: Node) -> None:
    fault = checks.text(node)
    if fault is None and isinstance(node, Scalar) and node.text not in WATCHABLE:
        fault = _not_watchable(node.text) or checks.absolute_path(node.text)
    if fault:
        settings.report(node.line, Fault(f"watched: {fault.message}", fault.remedy))
    elif isinstance(node, Scalar) and node.text not in settings.watched:
        settings.watched += (node.text,)


def _not_watchable(text: str) -> Fault | None:
    if text in SECTIONS:
        return Fault(f"{text} are watched by directory.", "Name directories, as in /etc.")
    if text.startswith("/"):
        return None
    near = difflib.get_close_matches(text, WATCHABLE, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"Name a directory, or one of {', '.join(WATCHABLE)}."
    return Fault(f"'{text[:80]}' is neither an absolute path nor a section that can be watched.", remedy)


def _ignore(settings: Settings, node: Node) -> None:
    if not isinstance(node, Mapping):
        fault = Fault(f"an ignore rule is a mapping, not {describe(node)}.", "Write {path: …, reason: …}.")
        settings.report(node.line, fault)
        return
    before = len(settings.problems)
    for key, _ in node.entries:
        if key.text not in ("path", "resource", "reason"):
            remedy = "A rule has path (or resource) and reason."
            settings.report(key.line, Fault(f"ignore: '{key.text}' is not part of a rule.", remedy))
    given = {key.text: value for key, value in node.entries}
    if "path" in given and "resource" in given:
        fault = Fault("ignore: a rule has a path or a resource, not both.", "Make two rules of it.")
        settings.report(node.line, fault)
    by = "resource" if "resource" in given else "path"
    glob, reason = (_words(settings, node, name, given.get(name)) for name in (by, "reason"))
    wrong = (_resource_glob(glob) if by == "resource" else _glob(glob)) if glob else None
    if wrong:
        settings.report(given[by].line, Fault(f"ignore: {wrong.message}", wrong.remedy))
    if len(settings.problems) == before:
        settings.ignore += (
            IgnoreRule("", reason, node.line, glob)
            if by == "resource"
            else IgnoreRule(glob, reason, node.line),
        )


def _words(settings: Settings, rule: Node, name: str, node: Node | None) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.text.strip():
        return node.text.strip()
    settings.report(rule.line, Fault(f"ignore: the rule has no {name}.", f"Give it a {name} as text."))
    return ""


def _secret_path(settings: Settings, node: Node) -> None:
    fault = checks.text(node)
    pattern = node.text if isinstance(node, Scalar) else ""
    if fault is None and pattern.startswith("!"):
        if any(char in pattern for char in _WILDCARDS) or checks.absolute_path(pattern[1:]):
            fault = Fault(
                f"'{pattern}' would take many paths out of the secret ones.",
                "After '!' name one absolute path, without wildcards.",
            )
    elif fault is None:
        fault = _glob(pattern)
    if fault:
        settings.report(node.line, Fault(f"secret_paths: {fault.message}", fault.remedy))
    elif pattern not in settings.secret_paths:
        settings.secret_paths += (pattern,)


def _glob(pattern: str) -> Fault | None:
    if not pattern or checks.has_control_characters(pattern):
        return Fault(
            "a pattern is empty or holds a control character.", "Write a path; * and ** are wildcards."
        )
    if pattern.startswith("!"):
        return Fault(f"'{pattern}' begins with '!', which has no meaning here.", "Write the path itself.")
    if not pattern.strip("*?/"):
        return Fault(f"'{pattern}' matches everything.", "Name what is meant.")
    if (
        len(pattern) > checks.MAX_PATH_BYTES
        or sum(pattern.count(char) for char in _WILDCARDS) > MAX_WILDCARDS
    ):
        return Fault("a pattern is too long or has too many wildcards.", "Split it into several patterns.")
    if ".." in pattern.split("/"):
        return Fault(f"'{pattern}' holds '..'.", "Write the path out.")
    return None


def _resource_glob(pattern: str) -> Fault | None:
    kind, colon, key = pattern.partition(":")
    if not colon or kind not in KIND_TO_SECTION:
        near = difflib.get_close_matches(kind, KIND_TO_SECTION, n=1)
        remedy = f"Did you mean {near[0]}:…?" if near else "Begin it with a kind, as in port:tcp/*:6*."
        return Fault(f"'{pattern[:80]}' does not begin with a kind of resource and a colon.", remedy)
    if not key.strip("*?"):
        return Fault(
            f"'{pattern[:80]}' matches everything of its kind.", "Don't watch it, or name what is meant."
        )
    if KIND_TO_SECTION[kind].type is not None:
        return Fault(f"'{pattern[:80]}' is a path.", f"Write path: {key[:80]}.")
    return None if key.startswith("!") else _glob(key)


def _policies(settings: Settings, line: int, node: Node | None) -> None:
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return
    if not isinstance(node, Mapping):
        settings.report(line, Fault(f"policies: expected a mapping, found {describe(node)}.", "Write {}."))
        return
    for key, _ in node.entries:
        if key.text not in KNOWN_POLICIES:
            fault = Fault(f"the policy '{key.text}' is not known, so nothing would obey it.", "Remove it.")
            settings.report(key.line, fault)
