"""Recorded answers of hosts, as files: `<folder>/<case>.answer` and what it means, `<case>.json`.

An answer is what the collector sent between its markers, with every NUL written as ␀ and, to be read by people, a
line break after it where the file has one ("␀" at the end of a line takes the line break with it).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployments.core.states import Present, State, to_json
from deployments.kinds.listing import Listed, ListedKind

DATA = Path(__file__).parent / "kinds_data"


def cases(folder: str) -> list[str]:
    """The names of all recorded answers in a folder."""
    return sorted(path.stem for path in (DATA / folder).glob("*.answer"))


def answer(folder: str, case: str) -> bytes:
    """The bytes of one."""
    text = (DATA / folder / f"{case}.answer").read_bytes().replace("␀\n".encode(), "␀".encode())
    return text.replace("␀".encode(), b"\0")


def expected(folder: str, case: str, kind: ListedKind) -> Any:
    """What it means for this kind."""
    return json.loads((DATA / folder / f"{case}.json").read_text())[kind.name]


def meaning(listed: Listed) -> dict[str, Any]:
    """A listing as JSON values, without what is empty."""
    found = {
        "states": _plain(listed.states),
        "incomplete": listed.incomplete,
        "problems": list(listed.problems),
        "redacted": dict(listed.redacted),
        "declared": _plain(listed.declared),
        "gaps": dict(listed.gaps),
        "unseen": {key: dict(why) for key, why in listed.unseen.items()},
    }
    return {name: value for name, value in found.items() if value}


def _plain(states: Mapping[str, State]) -> dict[str, Any]:
    return {
        key: dict(state.data) if isinstance(state, Present) else to_json(state)
        for key, state in states.items()
    }
