"""Which path of the repository belongs to which layer, and what does not belong anywhere."""

import difflib
from collections.abc import Iterable, Mapping

from deployments.core.definition import checks
from deployments.core.definition.model import DEFINITION_FILE, RESOURCES_FILE, Problem

ROOTS = ("base", "environments", "roles", "hosts")
_IN_A_LAYER = ("files", "templates")


def split_layer(path: str) -> tuple[str, str] | None:
    """`"roles/web/files/a/b"` → `("roles/web", "files/a/b")`; None for what is in no layer."""
    parts = path.split("/")
    match parts:
        case ["base", *_]:
            depth = 1
        case ["environments", _, "roles", _, _, *_]:
            depth = 4
        case ["environments", _, "roles", *_]:
            return None
        case ["environments" | "roles" | "hosts", _, *_]:
            depth = 2
        case _:
            return None
    if len(parts) <= depth:
        return None
    return "/".join(parts[:depth]), "/".join(parts[depth:])


def sort_into_layers(files: Iterable[str]) -> tuple[Mapping[str, tuple[str, ...]], list[Problem]]:
    """The layers with the rest of each path in them, and what has a bad name or no place."""
    layers: dict[str, list[str]] = {}
    problems: dict[str, Problem] = {}
    for path in sorted(files):
        if checks.has_control_characters(path):
            shown = path.encode("unicode_escape").decode("ascii")
            problem: Problem | None = Problem(
                shown, None, "a file name holds a control character.", "Rename the file."
            )
        else:
            problem = _bad_directory(path) or _misplaced(path)
        if problem is not None:
            problems.setdefault(problem.path, problem)
        elif place := split_layer(path):
            layers.setdefault(place[0], []).append(place[1])
    return {name: tuple(rest) for name, rest in layers.items()}, list(problems.values())


def _bad_directory(path: str) -> Problem | None:
    """The name of an environment, role or host in `path` that can't be one."""
    parts = path.split("/")
    if parts[0] not in ROOTS or parts[0] == "base":
        return None
    for at in (1, 3) if parts[0] == "environments" and parts[2:3] == ["roles"] else (1,):
        if at < len(parts) - 1 and (fault := checks.layer_name(parts[at])):
            return Problem("/".join(parts[: at + 1]), None, *fault)
    return None


def _misplaced(path: str) -> Problem | None:
    parts = path.split("/")
    if parts[0] not in ROOTS:
        return _outside(path, parts)
    place = split_layer(path)
    rest = place[1] if place else parts[-1]
    if place and rest == RESOURCES_FILE:
        return None
    first, _, below = rest.partition("/")
    if place and first in _IN_A_LAYER and below:
        return None
    if is_ignorable(rest):
        return None
    if rest in ("resources.yml", "resource.yaml", "resource.yml"):
        remedy = f"Rename it to {RESOURCES_FILE}."
    elif place is None:
        remedy = f"Put it into a layer, as in {parts[0]}/NAME/{RESOURCES_FILE}."
    else:
        remedy = f"A layer holds {RESOURCES_FILE}, files/ and templates/; move or remove it."
    where = f"{place[0]}/{first}" if place else path
    return Problem(where, None, f"'{first}' has no meaning here, so nothing would read it.", remedy)


def _outside(path: str, parts: list[str]) -> Problem | None:
    """Other things may lie in the repository, as long as they don't look like a layer that nothing reads."""
    if path == DEFINITION_FILE:
        return None
    if parts[-1] in (RESOURCES_FILE, "resources.yml", "definition.yml"):
        near = difflib.get_close_matches(parts[0], ROOTS, n=1, cutoff=0.5)
        message = f"'{parts[0]}' is not a directory of layers, so nothing would read this file."
        if len(parts) == 1:
            message = f"'{parts[0]}' has no meaning at the top."
            near = ["definition.yaml"] if parts[0].startswith("definition") else ["base"]
        remedy = f"Did you mean {near[0]}?" if near else f"Layers are under {', '.join(ROOTS)}."
        return Problem(path, None, message, remedy)
    return None


def is_ignorable(rest: str) -> bool:
    """Notes for people and marks for Git, which may lie anywhere."""
    name = rest.rsplit("/", 1)[-1]
    return name.startswith(".") or name.upper().split(".")[0] in ("README", "LICENSE", "CHANGELOG")
