"""Declarations by layer → files of a definition, written as a careful person would.

A layer that says nothing yet is written whole: sections in the order of the documentation, keys sorted, one line for
each resource where it fits. In a layer that exists only lines are added, and the rest stays byte for byte.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deployments.core.definition.layout import ROOTS
from deployments.core.definition.model import DEFINITION_FILE, RESOURCES_FILE
from deployments.core.definition.sections import KIND_TO_SECTION, SECTIONS
from deployments.core.definition.yaml_format import inline
from deployments.core.starter import STARTER
from drift.core.adoption import CONTENT, Content, Declared
from drift.core.adoption_extend import extend_layer, resource_lines
from drift.core.adoption_values import fits_a_tree, is_short

ORDER = (
    "packages",
    "services",
    "files",
    "directories",
    "symlinks",
    "sysctl",
    "users",
    "groups",
    "cron",
    "mounts",
    "kernel_modules",
)
_ATTRIBUTES = (
    "source",
    "template",
    "secret",
    "content",
    "target",
    "state",
    "version",
    "hold",
    "enabled",
    "running",
)
"""Attributes that are read first; the others follow in the order of their section."""

Sections = dict[str, dict[str, dict[str, Any]]]
"""Section → key → attributes, in the order in which they are written."""


def sections_in_order() -> list[str]:
    return [*(name for name in ORDER if name in SECTIONS), *(name for name in SECTIONS if name not in ORDER)]


def layer_rank(name: str) -> tuple[int, str]:
    """By this layers follow each other: base, environments, roles, roles in an environment, hosts."""
    first = name.partition("/")[0]
    rank = ("base", "environments", "roles", "", "hosts").index(first)
    return (3 if first == "environments" and "/roles/" in name else rank), name


class Writer:
    """Collects the files of all layers. `texts` are contents by digest, `files` the definition as it is."""

    def __init__(self, files: Mapping[str, bytes], texts: Mapping[str, str]) -> None:
        self._files, self._texts = files, texts
        self.edits: dict[str, bytes] = {}

    def layer(self, name: str, declared: Declared, about: str) -> None:
        """Raises CannotEdit where the layer's file can't be extended without touching what it says."""
        sections: Sections = {}
        for resource, attributes in sorted(declared.items()):
            kind, _, key = resource.partition(":")
            section = KIND_TO_SECTION[kind]
            sections.setdefault(section.name, {})[key] = self._attributes(name, section.name, key, attributes)
        ordered = {section: sections[section] for section in sections_in_order() if section in sections}
        path = f"{name}/{RESOURCES_FILE}"
        before = self._files.get(path)
        if before is None or before == STARTER.get(path) or not _says_something(before):
            kept = before if before is not None and before != STARTER.get(path) else b""
            self.edits[path] = kept + _whole(ordered, about).encode()
        else:
            self.edits[path] = extend_layer(before, ordered)

    def _attributes(self, layer: str, section: str, key: str, given: Mapping[str, Any]) -> dict[str, Any]:
        said = {name: value for name, value in given.items() if name != CONTENT}
        content = given.get(CONTENT)
        if isinstance(content, Content):
            said |= self._content(layer, key, content)
        order = [*_ATTRIBUTES, *SECTIONS[section].attributes]
        return {name: said[name] for name in sorted(said, key=order.index)}

    def _content(self, layer: str, key: str, content: Content) -> dict[str, str]:
        if content.secret:
            return {"secret": content.secret}
        if content.template:
            path = self._file(f"{layer}/templates", f"{key[1:]}.j2", content.template)
            return {"template": path}
        text = self._texts[content.digest]
        if is_short(text) or not fits_a_tree(f"{layer}/files/{key[1:]}"):
            return {"content": text}
        return {"source": self._file(f"{layer}/files", key[1:], text)}

    def _file(self, directory: str, path: str, text: str) -> str:
        """Put a text into a file of the layer; beside one that is there already and says something else."""
        number, free = 1, path
        while self._files.get(f"{directory}/{free}", text.encode()) != text.encode():
            number += 1
            free = f"{path}.adopted-{number}"
        self.edits[f"{directory}/{free}"] = text.encode()
        return free


def _says_something(content: bytes) -> bool:
    lines = (line.strip() for line in content.decode("utf-8", "replace").splitlines())
    return any(line and not line.startswith("#") and line not in ("---", "{}") for line in lines)


def _whole(sections: Sections, about: str) -> str:
    parts = [f"# {about}\n"]
    for name, resources in sections.items():
        parts.append(f"{name}:\n" + "".join(f"{line}\n" for line in resource_lines(resources)))
    return "\n".join(parts)


def with_watched(files: Mapping[str, bytes], names: Sequence[str]) -> bytes | None:
    """definition.yaml with these sections and directories watched, so that what is left out of them is noticed when it
    changes. None where it says already what is watched: that is somebody's choice.
    """
    before = files.get(DEFINITION_FILE, b"").decode("utf-8", "replace")
    if not names or any(line.startswith("watched:") for line in before.splitlines()):
        return None
    about = "# What is looked at whole: what nobody declared there should stay as it was at the first look.\n"
    lines = "".join(f"  - {inline(name)}\n" for name in names)
    return f"{before.rstrip()}\n{about}watched:\n{lines}".encode()


def about_layer(name: str, reference: str) -> str:
    """The first line of a new layer's file, in words."""
    kind, _, rest = name.partition("/")
    assert kind in ROOTS
    if kind == "base":
        what = "What every host is"
    elif kind == "hosts":
        what = f"What only {rest} is"
    elif kind == "roles":
        what = f"What {rest} hosts are"
    elif "/roles/" in rest:
        environment, _, role = rest.partition("/roles/")
        what = f"What {role} hosts of {environment} are"
    else:
        what = f"What every host of {rest} is"
    return f"{what}. Adopted from live hosts ({reference})." if reference else f"{what}."
