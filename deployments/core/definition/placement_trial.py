"""A draft is tried: edited, parsed, rendered on every host that has the change, and compared with live."""

from collections.abc import Iterable, Sequence

from deployments.core.definition.edit import CannotEdit, edit_bytes
from deployments.core.definition.effect import UNKNOWN, effect, exhaustive_directories
from deployments.core.definition.layout import split_layer
from deployments.core.definition.merge import layers_for, merge
from deployments.core.definition.model import RESOURCES_FILE, Definition, DefinitionError, DesiredResource
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.patches import apply_to, only_changes, unified_diff
from deployments.core.definition.placement_model import Case, Draft, Placement, undeclared_state
from deployments.core.definition.render import declared_at, watched_kinds
from deployments.core.states import Absent, Present, Unknown, project
from inventory.core.host_view import HostView


class Trial:
    """One definition and one change; tries drafts. `hosts` are all active hosts, for what else an edit reaches;
    `why_not_both` is why the change could not be joined with what the definition says by now, where it moved."""

    def __init__(
        self, definition: Definition, cases: Sequence[Case], hosts: Iterable[HostView], why_not_both: str = ""
    ) -> None:
        self._definition = definition
        self._cases = tuple(cases)
        self._hosts = tuple(hosts)
        self._why_not_both = why_not_both
        self._takes_back = any(case.takes_back for case in cases)

    def placement(self, draft: Draft) -> Placement | None:
        """The draft as a placement, safe or not; None where it would change nothing."""
        if draft.problem:
            return self._refused(draft, draft.problem)
        files = self._definition.files
        try:
            edits = only_changes(files, self._edits(draft))
        except CannotEdit as error:
            return self._refused(draft, error.reason)
        if not edits:
            return None
        reason = self._reason_against(edits)
        return Placement(
            layer=draft.layer,
            kind_of_edit=draft.kind_of_edit,
            edits=edits,
            patch=unified_diff(files, edits),
            explanation=f"{draft.explanation} {self._reach(edits)}".strip(),
            safe=not reason,
            why_not=reason,
            last_resort=draft.last_resort,
            takes_back=self._takes_back,
        )

    def _refused(self, draft: Draft, reason: str) -> Placement:
        return Placement(
            draft.layer, draft.kind_of_edit, {}, "", draft.explanation, False, reason, draft.last_resort
        )

    def _edits(self, draft: Draft) -> dict[str, bytes | None]:
        edits = dict(draft.files)
        for layer, operations in draft.operations.items():
            path = f"{layer}/{RESOURCES_FILE}"
            edits[path] = edit_bytes(self._definition.files.get(path), operations)
        return edits

    def _reason_against(self, edits: dict[str, bytes | None]) -> str:
        try:
            after = parse_definition(apply_to(self._definition.files, edits), previous=self._definition)
        except DefinitionError as error:
            return f"the edited definition would not be valid: {error.problems[0]}"
        for case in self._cases:
            if reason := _difference(after, case):
                return f"on {case.host.name} {reason}"
        broken = [item for item in self._effect(after) if not isinstance(item.before, Unknown)]
        if broken:
            first = broken[0]
            return (
                f"on {first.host} it could no longer be said what {first.resource} should be: {first.reason}"
            )
        return ""

    def _effect(self, after: Definition) -> Sequence:
        return effect(self._definition, after, self._hosts).of(UNKNOWN)

    def _reach(self, edits: dict[str, bytes | None]) -> str:
        """How many hosts have the layers that are edited, and on how many the definition has moved."""
        sentences = []
        places = (split_layer(path) for path in edits)
        touched = {place[0] for place in places if place is not None}
        reached = [host for host in self._hosts if touched.intersection(layers_for(host))]
        if reached:
            names = {case.host.name for case in self._cases}
            have = sum(host.name in names for host in reached)
            sentences.append(
                f"{_layers(touched)} {_count(len(reached), 'host')}, {have} of them with this change."
            )
        if (moved := sum(case.takes_back for case in self._cases)) > 0:
            sentences.append(
                f"On {_count(moved, 'host')} the definition has moved since the change was made, and they can't be joined: "
                f"{self._why_not_both}. This decides for what is live there, and takes back what the definition says by "
                "now: read the patch."
            )
        if (joined := sum(case.merged for case in self._cases)) > 0:
            sentences.append(
                f"On {_count(joined, 'host')} the definition has moved since the change was made: this keeps what it says "
                "by now and adds the change. They get the rest with the next push, and only then is it proven there."
            )
        return " ".join(sentences)


def _difference(after: Definition, case: Case) -> str:
    """In which way the host would not be as it is now; empty where rendering gives exactly what is live."""
    desired = declared_at(after, case.host, case.resource)
    if desired is None:
        exhaustive = exhaustive_directories(merge(after, case.host))
        head = undeclared_state(case.resource, exhaustive, watched_kinds(after), case.occurrence.base)
        if isinstance(case.live, Absent) and head == case.live:
            return ""
        return "it would not be declared"
    if isinstance(desired.state, Unknown):
        return f"it could not be said what it should be: {desired.state.reason}"
    if isinstance(desired.state, Absent) or isinstance(case.live, Absent):
        same = isinstance(desired.state, Absent) and isinstance(case.live, Absent)
        return "" if same else "it would not be as it is live"
    wanted, live = project(desired.state, desired.compared), project(case.live, desired.compared)
    if wanted == live and _says_enough(desired, case):
        return ""
    names = sorted(
        name
        for name in desired.compared
        if isinstance(wanted, Present)
        and isinstance(live, Present)
        and wanted.data.get(name) != live.data.get(name)
    )
    shown = ", ".join("content" if name == "sha256" else name for name in names)
    return f"{shown} would not be as it is live" if shown else "less would be declared than now"


def _says_enough(desired: DesiredResource, case: Case) -> bool:
    """A fold-back may not make things fit by declaring less, nor leave out of it what was changed by hand."""
    live = case.live.data if isinstance(case.live, Present) else {}
    gone = {name for name, none in case.section.optional.items() if none is None and name not in live}
    if case.desired is None:
        return case.changed - gone <= desired.compared
    if case.kind != "edit":
        return True
    return case.desired.attributes - gone <= desired.attributes and case.changed - gone <= desired.compared


def _layers(touched: Iterable[str]) -> str:
    names = sorted(touched)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown} {'reaches' if len(names) == 1 else 'reach'}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
