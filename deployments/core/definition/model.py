"""What a definition is once it is parsed, merged and rendered. Values only; nothing here reads or decides.

Words: a *layer* is a directory of the definition ("base", "roles/web"); a *section* is a top-level key of its
`resources.yaml` ("files"); a *declaration* is what one layer says about one resource; an *attribute* is one
key of it. A resource id is the section's kind and the key: "file:/etc/motd".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.core.states import Absent, Present, State, Unknown

FORMAT = 1
DEFINITION_FILE = "definition.yaml"
RESOURCES_FILE = "resources.yaml"
CONTENT_GROUP = ("content", "source", "template", "secret")
"""The attributes of a file that exclude each other: they all say what is in it."""
FILES = "files"
"""The section that has them; a mount's `source` is something else."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a definition. `line` counts from 1; None means the file as a whole."""

    path: str
    line: int | None
    message: str
    remedy: str

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{where}: {self.message} {self.remedy}".rstrip()


class DefinitionError(ValueError):
    """The definition can't be used; `problems` lists everything that is wrong with it, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def __reduce__(self) -> tuple[Any, ...]:
        return (DefinitionError, (self.problems,))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something is said: the layer, the file in the repository, the line (from 1) of its key."""

    layer: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value of one attribute (or variable) as written, a JSON value; None undeclares it."""

    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one layer says about one resource. `attributes` is None where the layer undeclares it (`null`)."""

    section: str
    resource: str
    key: str
    attributes: Mapping[str, Attribute] | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Layer:
    """One directory of the definition. `declarations` are by resource id, in the order of the file.

    `name` is also its path in the repository: `f"{name}/files/{source}"`, `f"{name}/templates/{template}"`.
    """

    name: str
    variables: Mapping[str, Attribute] = field(default_factory=dict)
    declarations: Mapping[str, Declaration] = field(default_factory=dict)

    @property
    def resources_path(self) -> str:
        return f"{self.name}/{RESOURCES_FILE}"


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """What is noise, and why: paths (`path`, a glob as in deployments.core.redaction) or resources (`resource`, a
    glob over the whole id, `*` for anything and `?` for one character). One of the two is empty."""

    path: str
    reason: str
    line: int
    resource: str = ""


@dataclass(frozen=True, eq=False)
class Definition:
    """A whole definition at one revision. Compared by identity; safe to keep and to share between threads.

    `secret_paths` are the defaults and those added by definition.yaml. `files` is the tree it was parsed from
    (repository path → bytes). `watched` are directories and names of sections, as written. `cache` holds what is worked out once and shared between hosts; its size is bounded.
    """

    files: Mapping[str, bytes]
    layers: Mapping[str, Layer]
    format: int = FORMAT
    watched: tuple[str, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()
    secret_paths: tuple[str, ...] = ()
    policies: Mapping[str, Any] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class MergedResource:
    """One resource after the layers are merged: only attributes that are declared (no None among them).

    `origin` is the last layer that says something about it; each attribute carries its own.
    """

    section: str
    resource: str
    key: str
    attributes: Mapping[str, Attribute]
    origin: Origin

    def get(self, attribute: str, default: Any = None) -> Any:
        found = self.attributes.get(attribute)
        return default if found is None else found.value


@dataclass(frozen=True, slots=True)
class Merged:
    """The declarations of a list of layers, merged. `variables` are the definition's, without the host's own.

    `conflicts` maps the resources that can't be decided (one path declared as two kinds) to the reason. `before`
    is the same without the last layer, and `touched` the resources that the last layer changed: what is made
    of a merge can be made of the one before it, which many hosts share.
    """

    layers: tuple[str, ...] = ()
    variables: Mapping[str, Attribute] = field(default_factory=dict)
    resources: Mapping[str, MergedResource] = field(default_factory=dict)
    conflicts: Mapping[str, str] = field(default_factory=dict)
    before: "Merged | None" = field(default=None, repr=False, compare=False)
    touched: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DesiredResource:
    """What one resource of one host should be, and where each part of that is said.

    `attributes` are the attributes of `state` that count in comparisons ("type" always; "sha256" when content
    is declared). `origins` has an entry for each of them and for each attribute as written ("template").
    `how` is how the content is declared; `source_path` the repository path of the source or template;
    `content` the bytes that should be in the file, None where they are not declared, secret or not rendered.
    `implied` are attributes that are not declared, and which it must not have all the same (access control lists).
    `variables` are the values the template used: variables by name, facts as "facts.NAME", the host's own
    properties as "host.NAME".
    """

    resource: str
    state: State
    attributes: frozenset[str]
    origin: Origin
    origins: Mapping[str, Origin] = field(default_factory=dict)
    content: bytes | None = None
    how: str | None = None
    source_path: str | None = None
    secret_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    notify: tuple[str, ...] = ()
    implied: frozenset[str] = frozenset()

    @property
    def compared(self) -> frozenset[str]:
        """The attributes in which live has to be as this state is, also those that it must lack."""
        return self.attributes | self.implied

    @property
    def unknown_reason(self) -> str | None:
        return self.state.reason if isinstance(self.state, Unknown) else None

    @property
    def is_decided(self) -> bool:
        return isinstance(self.state, Present | Absent)


@dataclass(frozen=True, slots=True)
class DesiredManifest:
    """Everything one host should be. `exhaustive` are the directories in which undeclared entries are drift.

    `secret_paths` are the paths declared with `secret:`; whoever observes treats them as secret besides those
    that `Definition.secret_paths` matches. `watched` are the kinds that are looked at whole ("package"): what is
    new or different there since the last agreed state is drift although nobody declared it. `roots` are directories
    below which every entry is looked at in the same way. `own` are the resources that depend on the host itself: those of
    its own layer, and those whose template uses its facts, its name or a variable of its own.
    """

    resources: Mapping[str, DesiredResource]
    exhaustive: tuple[str, ...] = ()
    secret_paths: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    own: frozenset[str] = frozenset()
