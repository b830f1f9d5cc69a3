"""A change by hand beside a definition that has moved: what the host should have with both in it.

Base is what both began with. An attribute that one side changed comes from that side; texts and lists that both
changed are merged line by line or item by item; anything else that both changed can't be decided here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deployments.core.content_digests import shown_digest
from deployments.core.definition.model import DesiredResource
from deployments.core.definition.placement_model import Case, Occurrence
from deployments.core.definition.section import Section
from deployments.core.definition.sections import split_resource
from deployments.core.line_merge import Overlap, merge_lines, merge_texts
from deployments.core.states import Present, project

CONTENT = "sha256"
_NONE = object()


class CannotMerge(Exception):
    """The two changes meet, or what they began with is not known; `reason` continues "they can't be joined: "."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def merged_case(case: Case) -> Case:
    """The case with the merge in place of live: what the definition should say. Raises CannotMerge."""
    if not case.moved or case.desired is None:
        return case
    return replace(case, occurrence=merged(case.desired, case.occurrence), merged=True)


def holds_change(desired: DesiredResource, occurrence: Occurrence) -> bool:
    """Whether the definition says what is live, or more: the change by hand, on top of something newer."""
    try:
        wanted = merged(desired, occurrence)
    except CannotMerge:
        return False
    if CONTENT in desired.attributes and wanted.content != desired.content:
        return False
    return project(wanted.live, desired.compared) == project(desired.state, desired.compared)


def merged(desired: DesiredResource, occurrence: Occurrence) -> Occurrence:
    """The occurrence as if its host had what `desired` says and the change by hand. Raises CannotMerge."""
    section = split_resource(desired.resource)[0]
    base, head, live = occurrence.base, desired.state, occurrence.live
    if not (isinstance(base, Present) and isinstance(head, Present) and isinstance(live, Present)):
        raise CannotMerge("one of them removed it or made it anew")
    if "hmac" in live.data or desired.how == "secret":
        raise CannotMerge("its content is a secret")
    data = dict(live.data)
    for name in sorted(desired.compared - {CONTENT}):
        if name not in base.data and name not in section.optional:
            if head.data.get(name) != live.data.get(name):
                raise CannotMerge(f"{name} is newly declared, and was never agreed on")
            continue
        made = _joined(section, name, *(state.data.get(name, _NONE) for state in (base, head, live)))
        data.pop(name, None)
        if made is not _NONE:
            data[name] = made
    content = occurrence.content
    if CONTENT in desired.compared:
        content = _content(base, desired, occurrence)
        if content == desired.content:
            data[CONTENT] = head.data.get(CONTENT)
        elif content != occurrence.content:
            data[CONTENT] = shown_digest(content)
    return replace(occurrence, live=Present(data), content=content)


def _joined(section: Section, name: str, base: Any, head: Any, live: Any) -> Any:
    if live in (base, head):
        return head
    if head == base:
        return live
    if isinstance(base, list) and isinstance(head, list) and isinstance(live, list):
        if section.is_unordered(name):
            return sorted((set(head) - (set(base) - set(live))) | (set(live) - set(base)))
        try:
            return merge_lines(base, head, live)
        except Overlap as overlap:
            raise CannotMerge(f"{overlap} of {name}") from overlap
    if isinstance(base, Mapping) and isinstance(head, Mapping) and isinstance(live, Mapping):
        keys = sorted(base.keys() | head.keys() | live.keys())
        joined = {
            key: _joined(section, f"{name} {key}", *[side.get(key, _NONE) for side in (base, head, live)])
            for key in keys
        }
        return {key: value for key, value in joined.items() if value is not _NONE}
    raise CannotMerge(f"both changed {name}")


def _content(base: Present, desired: DesiredResource, occurrence: Occurrence) -> bytes:
    assert isinstance(desired.state, Present) and isinstance(occurrence.live, Present)
    was, says, has = (state.data.get(CONTENT) for state in (base, desired.state, occurrence.live))
    if was is None:
        raise CannotMerge("its content is newly declared, and was never agreed on")
    if desired.content is None:
        raise CannotMerge("what the definition says of its content is not known")
    if has in (was, says):
        return desired.content
    if occurrence.content is None:
        raise CannotMerge("the text on the host is not known")
    if says == was:
        return occurrence.content
    if occurrence.base_content is None:
        raise CannotMerge("the text that was agreed on is not known any more")
    try:
        texts = [text.decode() for text in (occurrence.base_content, desired.content, occurrence.content)]
        return merge_texts(*texts).encode()
    except UnicodeDecodeError as error:
        raise CannotMerge("it is not text") from error
    except Overlap as overlap:
        raise CannotMerge(str(overlap)) from overlap
