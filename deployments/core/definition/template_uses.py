"""Which values a template takes from its context, read from its syntax tree.

Facts and the host's own properties are told apart (`facts.memory`, `host.name`) where the template names them;
where it takes the whole mapping, or an entry it computes, the whole is what it uses.
"""

from dataclasses import dataclass
from typing import Any

from jinja2 import meta, nodes

_APART = ("facts", "host")
_REFERENCES = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)


@dataclass(frozen=True)
class TemplateUses:
    """`names` as "workers", "facts.memory", "host"; `includes` as (line, name, whether it may be missing); `computed`
    where it includes a template whose name it works out, so that what that uses is not known."""

    names: frozenset[str] = frozenset()
    includes: tuple[tuple[int, str, bool], ...] = ()
    computed: bool = False

    def joined(self, other: "TemplateUses") -> "TemplateUses":
        return TemplateUses(
            self.names | other.names, self.includes + other.includes, self.computed or other.computed
        )


def find_uses(tree: nodes.Template) -> TemplateUses:
    names = set(meta.find_undeclared_variables(tree))
    for name in _APART:
        if name in names and (entries := _entries(tree, name)) is not None:
            names.remove(name)
            names |= {f"{name}.{entry}" for entry in entries}
    return TemplateUses(frozenset(names), tuple(_includes(tree)), _is_computed(tree))


def _is_computed(tree: nodes.Template) -> bool:
    for node in tree.find_all(_REFERENCES):
        template: Any = getattr(node, "template", None)
        names = template.items if isinstance(template, nodes.Tuple | nodes.List) else [template]
        if not all(isinstance(name, nodes.Const) and isinstance(name.value, str) for name in names):
            return True
    return False


def _entries(tree: nodes.Template, name: str) -> set[str] | None:
    """The entries of mapping `name` that the template names; None where it uses the mapping in another way."""
    whole = sum(1 for node in tree.find_all(nodes.Name) if node.name == name and node.ctx == "load")
    entries: list[str] = []
    for named in tree.find_all(nodes.Getattr):
        if isinstance(named.node, nodes.Name) and named.node.name == name:
            entries.append(named.attr)
    for taken in tree.find_all(nodes.Getitem):
        key = taken.arg.value if isinstance(taken.arg, nodes.Const) else None
        if isinstance(taken.node, nodes.Name) and taken.node.name == name and isinstance(key, str):
            entries.append(key)
    return set(entries) if len(entries) == whole else None


def _includes(tree: nodes.Template) -> list[tuple[int, str, bool]]:
    found: list[tuple[int, str, bool]] = []
    for node in tree.find_all(_REFERENCES):
        template: Any = getattr(node, "template", None)
        optional = bool(getattr(node, "ignore_missing", False))
        if isinstance(template, nodes.Const) and isinstance(template.value, str):
            found.append((node.lineno, template.value, optional))
        elif isinstance(template, nodes.Tuple | nodes.List):
            # Of several names the first that exists is taken, so each of them may be missing.
            values = [item.value for item in template.items if isinstance(item, nodes.Const)]
            found += [(node.lineno, value, True) for value in values if isinstance(value, str)]
    return found
