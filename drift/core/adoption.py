"""Adoption as values: what is asked for, what hosts showed, and the definition that would say it.

The steps are pure: `adoption_choose` says which resources are to be declared and why the others are not,
`adoption_layers` where each of their attributes is said, `adoption_templates` which texts differ only by what is known of
the hosts, `adoption_write` makes files of it, and `adoption_plan` puts them together and proves the result by rendering.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.core.definition.sections import SECTIONS
from deployments.core.states import State
from inventory.core.host_view import HostView

PATH_SECTIONS = ("files", "directories", "symlinks")
AUTO, NONE = "auto", "none"


@dataclass(frozen=True)
class Options:
    """What a person may choose. `sections` are those that are adopted; `exhaustive` is "auto", "none" or a list of
    directories. With `others`, a layer is used although it also speaks to hosts that were not chosen."""

    sections: tuple[str, ...] = tuple(SECTIONS)
    versions: bool = True
    shipped: bool = False
    exhaustive: str | tuple[str, ...] = AUTO
    others: bool = False

    @property
    def files(self) -> bool:
        return "files" in self.sections


@dataclass(frozen=True)
class SeenHost:
    """One host as it was looked at.

    `listed` says per root (and per kind, "package:") why its listing is not complete, None where it is. `redacted`
    counts by resource what was taken out because it looked like a secret, `shipped` are paths that are as their
    package brought them, `withheld` says by digest why a content is not there.
    """

    view: HostView
    states: Mapping[str, State]
    listed: Mapping[str, str | None] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    shipped: frozenset[str] = frozenset()
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.view.name


@dataclass(frozen=True)
class Text:
    """The content of a file as it was read. `secrets` counts what was taken out of it: then it is never written."""

    text: str
    secrets: int = 0


@dataclass(frozen=True)
class LeftOut:
    """One resource that is not declared on these hosts, or (`only_content`) declared without what is in it."""

    resource: str
    reason: str
    hosts: tuple[str, ...]
    only_content: bool = False


@dataclass(frozen=True)
class Note:
    """Why something is said less well than it could be: a text that is no template, a directory not exhaustive."""

    resource: str
    text: str


@dataclass(frozen=True)
class HostCheck:
    """One host of the result: resources declared there by the adoption, and those that would not render to live."""

    name: str
    declared: int
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A whole adoption: `edits` (repository path → content), and what there is to know before they are committed.

    `layers` counts the declarations of each layer by section, `resources` are all that are declared; `unlisted` are the hosts that were not chosen and that
    the new declarations reach all the same.
    """

    edits: Mapping[str, bytes]
    layers: Mapping[str, Mapping[str, int]]
    checks: tuple[HostCheck, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[Note, ...] = ()
    templates: tuple[str, ...] = ()
    exhaustive: tuple[str, ...] = ()
    already: int = 0
    unlisted: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    @property
    def renders(self) -> bool:
        return not any(check.wrong for check in self.checks)


@dataclass(frozen=True)
class Content:
    """What says the content of a file: its digest, the name of a secret, or a template."""

    digest: str = ""
    secret: str = ""
    template: str = ""


Declared = Mapping[str, Mapping[str, Any]]
"""What one layer says: resource id → attribute → value; the content of a file under CONTENT."""
CONTENT = "content"
