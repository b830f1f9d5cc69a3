"""What parsing, merging, rendering and folding back know of one section of a resources.yaml."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.core.canonical import unordered
from deployments.core.definition.checks import Check
from deployments.core.definition.yaml_read import Fault

Fits = Callable[[str, Mapping[str, Any]], Fault | None]
"""Whether the attributes that are set (name → value) go with the key and with each other."""


@dataclass(frozen=True)
class Section:
    """`name` is the key in the file, `kind` the first part of its resource ids.

    `attributes` maps each attribute to its check, `exclusive` are groups of which one may be set,
    `in_state` are those that are compared, `required` those without which nothing can be said.
    `type` is the file type a present resource has; sections that have one share the host's paths.
    """

    name: str
    kind: str
    key: Callable[[str], Fault | None]
    attributes: Mapping[str, Check]
    type: str | None = None
    in_state: tuple[str, ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    required: tuple[str, ...] = field(default=())
    canonical: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """Attributes that may be written in several ways, and what makes the one form of them."""
    optional: Mapping[str, Any] = field(default_factory=dict)
    """Attributes that a state lacks where there is none of it, and how "none" is written; where that is None
    it isn't: then the declaration goes without the attribute."""
    implied: tuple[str, ...] = ()
    """Of the optional attributes those that should be missing wherever they are not declared."""
    shorthand: str = ""
    """The attribute that is meant where one value stands in place of the attributes."""
    fits: Fits | None = None
    example: str = "…"
    """Attributes as a message shows them."""
    leaves_out: Mapping[str, Any] = field(default_factory=dict)
    """What a new declaration does not say where live is as one would expect."""

    def resource(self, key: str) -> str:
        return f"{self.kind}:{key}"

    @property
    def is_watchable(self) -> bool:
        """Whether `watched:` may name it: things of the file system are watched by their directories."""
        return self.type is None

    def is_unordered(self, attribute: str) -> bool:
        return self.canonical.get(attribute) is unordered

    def in_one_form(self, attribute: str, value: Any) -> Any:
        """The value as it stands in a state; None where it says that there is none."""
        if attribute in self.optional and value == self.optional[attribute]:
            return None
        made = self.canonical.get(attribute)
        return value if made is None else made(value)
