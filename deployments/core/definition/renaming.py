"""What the definition says for a host under another name: its own folder is found by name, and templates may use it."""

from dataclasses import dataclass

from deployments.core.definition.model import Definition, DesiredManifest
from deployments.core.states import UNDECLARED, State, to_json

_FOLDER = "hosts"


@dataclass(frozen=True)
class RenamedResource:
    """A resource of which the definition says something else under the new name."""

    resource: str
    before: State
    after: State


def folder_of(definition: Definition, name: str) -> dict[str, bytes]:
    """The files of a host's own layer, by their path within it."""
    prefix = f"{_FOLDER}/{name}/"
    return {
        path.removeprefix(prefix): content
        for path, content in definition.files.items()
        if path.startswith(prefix)
    }


def changed_by_name(before: DesiredManifest, after: DesiredManifest) -> list[RenamedResource]:
    """What two renderings of one host differ in, by resource."""
    changed = []
    for resource in sorted(before.resources.keys() | after.resources.keys()):
        old, new = before.resources.get(resource), after.resources.get(resource)
        was, becomes = (one.state if one is not None else UNDECLARED for one in (old, new))
        if to_json(was) != to_json(becomes) or (old and old.content) != (new and new.content):
            changed.append(RenamedResource(resource, was, becomes))
    return changed
