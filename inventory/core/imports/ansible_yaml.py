"""Ansible's YAML inventory: groups with hosts, vars and children, to any depth."""

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from inventory.core.imports.groups import GroupTree, Located
from inventory.core.imports.host_ranges import HostPatternError, expand_hosts
from inventory.core.imports.plan import Findings
from inventory.core.imports.yaml_nodes import Values, YamlProblem, compose, line_of
from inventory.core.names import shown

_SECTIONS = ("hosts", "vars", "children")


def read_yaml(text: str, findings: Findings) -> GroupTree:
    """The tree of a whole file; problems go to `findings`."""
    reader = _Reader(findings)
    try:
        reader.read(compose(text))
    except YamlProblem as problem:
        findings.problem(problem.line, problem.message, problem.remedy)
    return reader.tree


class _Reader:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._values = Values()
        self.tree = GroupTree()

    def read(self, document: Node | None) -> None:
        self.tree.group("all", 1)
        if document is None:
            return
        if not isinstance(document, MappingNode):
            self._findings.problem(
                line_of(document),
                "this is not an inventory",
                "Begin with all: and hosts: or children: under it.",
            )
            return
        items = self._values.items(document)
        if any(key == "plugin" for key, _, _ in items):
            self._findings.problem(
                line_of(document),
                "this configures an inventory plugin, and lists no hosts itself",
                "Let Ansible write the list: ansible-inventory -i FILE --list --yaml > hosts.yaml, and import that.",
            )
            return
        for name, line, node in items:
            self._group(name, line, node, None, 0)

    def _group(self, name: str, line: int, node: Node, parent: str | None, depth: int) -> None:
        group = self.tree.group(name, line)
        if parent is not None:
            group.parents.setdefault(parent, line)
        for section, section_line, section_node in self._mapping(node, f"group {name}", line, depth):
            match section:
                case "hosts":
                    self._hosts(name, section_line, section_node, depth)
                case "vars":
                    for variable, at, value in self._mapping(
                        section_node, f"vars of {name}", section_line, depth
                    ):
                        group.variables[variable] = Located(self._values.value(value), at)
                case "children":
                    for child, at, value in self._mapping(
                        section_node, f"children of {name}", section_line, depth
                    ):
                        self._group(child, at, value, name, depth + 1)
                case _:
                    self._findings.problem(
                        section_line,
                        f"group {name} has {shown(section)}, which is not part of an inventory",
                        f"A group has {', '.join(_SECTIONS)}; variables go under vars:.",
                    )

    def _hosts(self, group: str, line: int, node: Node, depth: int) -> None:
        for pattern, at, value in self._mapping(node, f"hosts of {group}", line, depth):
            try:
                names, port = expand_hosts(pattern)
            except HostPatternError as error:
                self._findings.problem(at, error.message, error.remedy)
                continue
            values = {} if port is None else {"ansible_port": Located(port, at)}
            for variable, variable_line, item in self._mapping(value, f"host {pattern}", at, depth):
                values[variable] = Located(self._values.value(item), variable_line)
            self.tree.add_hosts(names, group, at, values)
            if self.tree.overflow:
                return

    def _mapping(self, node: Node, what: str, line: int, depth: int) -> list[tuple[str, int, Node]]:
        """The items of a mapping; a single name counts as one without a value, nothing as an empty mapping."""
        if isinstance(node, MappingNode):
            return self._values.items(node, depth)
        value = self._values.value(node)
        if value is None:
            return []
        if isinstance(node, ScalarNode) and what.startswith(("hosts", "children")):
            return [(node.value, line_of(node), _nothing(node))]
        self._findings.problem(
            line_of(node),
            f"a mapping is expected for the {what}",
            "Write one `name:` a line, without dashes.",
        )
        return []


def _nothing(node: Node) -> ScalarNode:
    return ScalarNode("tag:yaml.org,2002:null", "", node.start_mark, node.end_mark)
