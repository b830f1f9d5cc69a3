"""The sections of a resources.yaml, one entry each: this table is all that parsing and merging know of a kind.

To add a kind: write its checks and add a Section in `section_paths` (a thing in the file system, whose `type` its
state then says) or `section_system` (anything else).
"""

from collections.abc import Mapping

from deployments.core.definition.section import Section
from deployments.core.definition.section_paths import PATH_SECTIONS
from deployments.core.definition.section_system import SYSTEM_SECTIONS

__all__ = ["KIND_TO_SECTION", "SECTIONS", "WATCHABLE", "Section", "is_managed", "split_resource"]

SECTIONS: Mapping[str, Section] = {section.name: section for section in (*PATH_SECTIONS, *SYSTEM_SECTIONS)}

KIND_TO_SECTION: Mapping[str, Section] = {section.kind: section for section in SECTIONS.values()}

WATCHABLE: tuple[str, ...] = tuple(name for name, section in SECTIONS.items() if section.is_watchable)
"""The names that `watched:` takes besides paths."""


def is_managed(resource: str) -> bool:
    """Whether a definition can say anything about it (it can't about a host's key)."""
    return resource.partition(":")[0] in KIND_TO_SECTION


def split_resource(resource: str) -> tuple[Section, str]:
    """`package:nginx` → its section and `nginx`. Raises KeyError for a kind that is not managed."""
    kind, _, key = resource.partition(":")
    return KIND_TO_SECTION[kind], key
