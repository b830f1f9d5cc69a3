"""Whatever a host is known to show of a kind can be declared, and folded back: the definition then says exactly that.

Driven by the recorded answers of real tools, so that a kind and its section can't drift apart unnoticed.
"""

import json
from typing import Any

import pytest

from deployments.core.definition.edit import apply_edits, declare
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.placement import LiveChange, Occurrence
from deployments.core.definition.render import desired_resource
from deployments.core.definition.sections import SECTIONS
from deployments.core.states import ABSENT, Present, State
from deployments.kinds.registry import LISTED
from tests.core.kind_cases import DATA, answer, cases
from tests.core.placing import WEB, by_layer, place

MOST = 40
"""Entries of one answer that are tried; the rest are alike."""


def recorded(kind: Any) -> list[tuple[str, str, Present, int]]:
    """(case, key, state, what was redacted) of everything recorded for this kind."""
    found = []
    for folder in sorted(path.name for path in DATA.iterdir() if path.is_dir()):
        for case in cases(folder):
            if kind.name not in json.loads((DATA / folder / f"{case}.json").read_text()):
                continue
            listed = kind.parse(answer(folder, case))
            usable = ((key, state) for key, state in listed.states.items() if key.isprintable())
            states = [(key, state) for key, state in usable if isinstance(state, Present)]
            found += [(case, key, state, listed.redacted.get(key, 0)) for key, state in states[:MOST]]
    return found


def declared(section: str, key: str, state: Present) -> dict[str, bytes]:
    """A definition that says all of it, "none" where there is none."""
    optional = {name: none for name, none in SECTIONS[section].optional.items() if none is not None}
    attributes = {**{name: none for name, none in optional.items() if name not in state.data}, **state.data}
    text = apply_edits("", [declare(section, key, attributes)])
    return {
        "definition.yaml": f"format: 1\nwatched: [{section}]\n".encode(),
        "base/resources.yaml": text.encode(),
    }


def test_there_are_recorded_states_of_every_kind() -> None:
    assert [kind.name for kind in LISTED if not recorded(kind)] == []


@pytest.mark.parametrize("kind", LISTED, ids=lambda kind: kind.name)
def test_what_a_host_shows_can_be_declared_and_is_what_the_definition_says_then(kind: Any) -> None:
    for case, key, state, _ in recorded(kind):
        definition = parse_definition(declared(kind.section, key, state))
        desired = desired_resource(definition, WEB[0], kind.resource(key))
        assert desired is not None
        assert desired.state == state, f"{case}: {key}"


@pytest.mark.parametrize("kind", LISTED, ids=lambda kind: kind.name)
def test_what_a_host_shows_and_nobody_declared_is_folded_back(kind: Any) -> None:
    definition = parse_definition({"definition.yaml": f"format: 1\nwatched: [{kind.section}]\n".encode()})
    seen: set[str] = set()
    for _, key, state, redacted in recorded(kind):
        shape = f"{sorted(state.data)}{[bool(value) for value in state.data.values()]}{redacted}"
        if shape in seen:
            continue  # one of each shape is enough
        seen.add(shape)
        base: State = ABSENT
        change = LiveChange(kind.resource(key), (Occurrence(WEB[0], base, state, redacted=redacted),))
        found = by_layer(place(change, definition, WEB))
        if redacted:
            assert not any(placement.safe for placement in found.values())
        else:
            assert found["roles/web"].safe, f"{key}: {found['roles/web'].why_not}"
