"""One edit of a template that gives every host its own wanted text: mapped back, merged, and tried by rendering."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.core.definition.patches import apply_to
from deployments.core.definition.sandbox import RenderError, TemplateStore
from deployments.core.definition.template_mapping import WAYS, CannotMap, Way, map_change
from deployments.core.definition.template_source import Turning, by_place, edited_source, merge_edits
from deployments.core.definition.template_trace import Run, Tracer
from inventory.core.host_view import HostView


@dataclass(frozen=True)
class Rendering:
    """A template rendered for one host: with which context, from where each part came, and what it should be."""

    host: HostView
    context: Mapping[str, Any]
    wanted: str
    runs: Sequence[Run]


def edit_templates(tracer: Tracer, renderings: Sequence[Rendering]) -> dict[str, bytes]:
    """New contents, by path, of the template or of what it includes, that render every host's wanted text.

    Raises CannotMap with the reason that stands in the way of the plainest attempt.
    """
    refusal: CannotMap | None = None
    for turning in Turning:
        for way in WAYS:
            try:
                new = _edited(tracer, renderings, way, turning)
                _try(tracer, renderings, new)
                return new
            except CannotMap as reason:
                refusal = refusal or reason
    raise refusal or CannotMap(f"{tracer.path}: edit the template by hand")


def _edited(tracer: Tracer, renderings: Sequence[Rendering], way: Way, turning: Turning) -> dict[str, bytes]:
    used = tracer.store.uses(tracer.path).names
    each = [
        by_place(map_change(tracer, rendering.runs, rendering.wanted, way), rendering.host, turning, used)
        for rendering in renderings
    ]
    merged = merge_edits(each)
    texts = [tracer.texts[path] for path in sorted({place[0] for place in merged})]
    return {text.path: text.encode(edited_source(text, merged)) for text in texts}


def _try(tracer: Tracer, renderings: Sequence[Rendering], new: Mapping[str, bytes]) -> None:
    store = TemplateStore(apply_to(tracer.store.files, new), reuse=tracer.store)
    for rendering in renderings:
        name = rendering.host.name
        try:
            rendered = store.render(tracer.path, rendering.context)
        except RenderError as error:
            raise CannotMap(f"the edited template would not render on {name}: {error}") from error
        if rendered != rendering.wanted:
            line = _first_difference(rendered, rendering.wanted)
            raise CannotMap(
                f"the edited template would not give the live text on {name} (line {line}); edit {tracer.path} by hand"
            )


def _first_difference(one: str, other: str) -> int:
    for number, (a, b) in enumerate(zip(one.split("\n"), other.split("\n"), strict=False), start=1):
        if a != b:
            return number
    return min(one.count("\n"), other.count("\n")) + 1
