"""One resources.yaml: its variables and declarations, with the line of every key, and every problem in it."""

import difflib
from collections.abc import Iterable
from typing import Any

from deployments.core.definition.checks import describe
from deployments.core.definition.model import Attribute, Declaration, Layer, Origin, Problem
from deployments.core.definition.sections import SECTIONS, Section
from deployments.core.definition.yaml_read import Fault, Mapping, Node, Scalar, to_value
from deployments.core.redaction import is_secret_path

VARIABLES = "variables"
_OF_JINJA = "true false none and or not in is if else loop self super caller varargs kwargs"
_GLOBALS = "facts host range dict cycler joiner namespace"
RESERVED_VARIABLES = frozenset(f"{_OF_JINJA} {_GLOBALS}".split())
_CONTENT_IN_GIT = ("content", "source", "template")


def read_layer(name: str, root: Node | None, secret_paths: Iterable[str]) -> tuple[Layer, list[Problem]]:
    """The layer that can be read, without what has a problem. `root` is the document of its resources.yaml."""
    reader = _Reader(name, tuple(secret_paths))
    if isinstance(root, Mapping):
        for key, value in root.entries:
            reader.top_level(key, value)
        reader.two_kinds()
    elif root is not None and not _is_null(root):
        fault = Fault(f"expected sections, found {describe(root)}.", "Begin with a section, as in files:.")
        reader.report(root.line, fault)
    return reader.layer, reader.problems


class _Reader:
    def __init__(self, name: str, secret_paths: tuple[str, ...]) -> None:
        self.problems: list[Problem] = []
        self._secret_paths = secret_paths
        self._variables: dict[str, Attribute] = {}
        self._declarations: dict[str, Declaration] = {}
        self.layer = Layer(name, self._variables, self._declarations)

    def report(self, line: int, fault: Fault) -> None:
        self.problems.append(Problem(self.layer.resources_path, line, fault.message, fault.remedy))

    def top_level(self, key: Scalar, value: Node) -> None:
        empty = _is_null(value) or (isinstance(value, Mapping) and not value.entries)
        if key.text != VARIABLES and key.text not in SECTIONS:
            known = (VARIABLES, *SECTIONS)
            self.report(key.line, Fault(f"'{key.text}' is not a section.", _did_you_mean(key.text, known)))
        elif empty:
            return
        elif not isinstance(value, Mapping):
            message = f"section '{key.text}' must be a mapping, found {describe(value)}."
            self.report(key.line, Fault(message, "Write one key a line, indented below it."))
        elif key.text == VARIABLES:
            for name, given in value.entries:
                self._variable(name, given)
        else:
            for name, given in value.entries:
                self._declaration(SECTIONS[key.text], name, given)

    def _variable(self, key: Scalar, value: Node) -> None:
        if not key.text.isidentifier() or not key.text.isascii():
            remedy = "Use letters, digits and '_', not beginning with a digit."
            self.report(key.line, Fault(f"'{key.text}' can't be the name of a variable.", remedy))
        elif key.text.lower() in RESERVED_VARIABLES:
            self.report(
                key.line, Fault(f"'{key.text}' already means something in templates.", "Choose another name.")
            )
        else:
            self._variables[key.text] = Attribute(to_value(value), self._origin(key.line))

    def _declaration(self, section: Section, key: Scalar, value: Node) -> None:
        if fault := section.key(key.text):
            self.report(key.line, fault)
            return
        resource = section.resource(key.text)
        attributes: dict[str, Attribute] | None = None
        if isinstance(value, Mapping):
            attributes = self._attributes(section, key, value.entries)
        elif section.shorthand and isinstance(value, Scalar) and not _is_null(value):
            attributes = self._attributes(section, key, [(Scalar(key.line, section.shorthand, ""), value)])
        elif not _is_null(value):
            message = f"{key.text}: expected attributes, found {describe(value)}."
            self.report(key.line, Fault(message, f"Write a mapping, as in {{{section.example}}}, or null."))
            return
        self._declarations[resource] = Declaration(
            section.name, resource, key.text, attributes, self._origin(key.line)
        )

    def _attributes(
        self, section: Section, key: Scalar, entries: Iterable[tuple[Scalar, Node]]
    ) -> dict[str, Attribute]:
        attributes: dict[str, Attribute] = {}
        for name, given in entries:
            check = section.attributes.get(name.text)
            if check is None:
                message = f"{key.text}: '{name.text}' is not an attribute of {section.name}."
                self.report(name.line, Fault(message, _belongs_to(name.text, section)))
            elif not _is_null(given) and (fault := check(given)):
                self.report(name.line, Fault(f"{key.text}: {name.text}: {fault.message}", fault.remedy))
            else:
                attributes[name.text] = Attribute(to_value(given), self._origin(name.line))
        self._exclusive(section, key, attributes)
        said = {name: given.value for name, given in attributes.items() if given.value is not None}
        if section.fits is not None and (fault := section.fits(key.text, said)):
            self.report(key.line, fault)
        self._secret(section, key, attributes)
        return attributes

    def _exclusive(self, section: Section, key: Scalar, attributes: dict[str, Attribute]) -> None:
        for group in section.exclusive:
            together = [name for name in group if _is_set(attributes.get(name))]
            if len(together) > 1:
                line = max(attributes[name].origin.line for name in together)
                message = f"{key.text}: {' and '.join(together)} exclude each other."
                self.report(line, Fault(message, "Keep one of them."))

    def _secret(self, section: Section, key: Scalar, attributes: dict[str, Attribute]) -> None:
        if section.type != "file":
            return
        given = [name for name in _CONTENT_IN_GIT if _is_set(attributes.get(name))]
        if given and is_secret_path(key.text, self._secret_paths):
            message = f"{key.text} is a secret path, and {given[0]} would put its content into Git."
            remedy = "Declare it with secret: NAME, and change the secret if it was committed."
            self.report(attributes[given[0]].origin.line, Fault(message, remedy))

    def two_kinds(self) -> None:
        """One path can't be two kinds of thing; across layers merging finds it, in one file it is a mistake."""
        seen: dict[str, Declaration] = {}
        for declaration in self._declarations.values():
            if declaration.attributes is None or SECTIONS[declaration.section].type is None:
                continue
            first = seen.setdefault(declaration.key, declaration)
            if first is not declaration:
                message = (
                    f"{declaration.key} is declared under {declaration.section}, "
                    f"and under {first.section} on line {first.origin.line}."
                )
                self.report(
                    declaration.origin.line, Fault(message, "Keep one; set the other to null or remove it.")
                )

    def _origin(self, line: int) -> Origin:
        return Origin(self.layer.name, self.layer.resources_path, line)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _is_set(attribute: Attribute | None) -> bool:
    return attribute is not None and attribute.value is not None


def _did_you_mean(name: str, known: Iterable[Any]) -> str:
    names = [str(item) for item in known]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else f"Known are {', '.join(names)}."


def _belongs_to(name: str, section: Section) -> str:
    others = [other.name for other in SECTIONS.values() if name in other.attributes]
    if others:
        return f"It belongs to {' and '.join(others)}."
    return _did_you_mean(name, section.attributes)
