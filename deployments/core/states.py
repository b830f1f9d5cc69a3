"""The value of a resource: canonical data, or absent, undeclared, or unknown with the reason.

Digests are SHA-256 over canonical JSON (sorted keys, no spaces, UTF-8), so equal states have equal digests
whichever host or revision they came from.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Present:
    """The resource exists; `data` maps attribute names to JSON values."""

    data: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", MappingProxyType(dict(self.data)))

    def __hash__(self) -> int:
        return hash(canonical_json(self.data))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Present, (dict(self.data),))


@dataclass(frozen=True)
class Absent:
    """The resource does not exist, and we know it: absence is a value."""


@dataclass(frozen=True)
class Undeclared:
    """Nobody said what the resource should be."""


@dataclass(frozen=True)
class Unknown:
    """We could not look; never equal to anything that was seen."""

    reason: str


State = Present | Absent | Undeclared | Unknown
ABSENT = Absent()
UNDECLARED = Undeclared()


def canonical_json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_as_dict)


def _as_dict(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def project(state: State, attributes: Iterable[str]) -> State:
    """Reduce a present state to the attributes that are declared; other states stay as they are."""
    if not isinstance(state, Present):
        return state
    wanted = set(attributes)
    return Present({key: value for key, value in state.data.items() if key in wanted})


def to_json(state: State) -> dict[str, Any]:
    """`{"value": "present", "data": {…}}`, `{"value": "absent"}`, … `{"value": "unknown", "reason": …}`."""
    match state:
        case Present(data):
            return {"value": "present", "data": _plain(data)}
        case Absent():
            return {"value": "absent"}
        case Undeclared():
            return {"value": "undeclared"}
        case Unknown(reason):
            return {"value": "unknown", "reason": reason}


def from_json(value: Mapping[str, Any]) -> State:
    """The inverse of `to_json`; raises ValueError for anything else."""
    match value.get("value"):
        case "present":
            return Present(value["data"])
        case "absent":
            return ABSENT
        case "undeclared":
            return UNDECLARED
        case "unknown":
            return Unknown(value["reason"])
    raise ValueError(f"not a state: {value!r}")


def digest(state: State) -> str:
    return hashlib.sha256(canonical_json(to_json(state)).encode()).hexdigest()
