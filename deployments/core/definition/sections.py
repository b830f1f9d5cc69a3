"""The sections of a resources.yaml, one entry each: this table is all that parsing and merging know of a kind.

To add a kind: write its checks, add a Section here, and give its `type` if it is a thing in the file system
(its state then says so) or None if it is not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deployments.core.definition import checks
from deployments.core.definition.checks import Check
from deployments.core.definition.model import CONTENT_GROUP
from deployments.core.definition.yaml_read import Fault


@dataclass(frozen=True)
class Section:
    """`name` is the key in the file, `kind` the first part of its resource ids.

    `attributes` maps each attribute to its check, `exclusive` are groups of which one may be set,
    `in_state` are those that are compared as written, `required` those without which nothing can be said.
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

    def resource(self, key: str) -> str:
        return f"{self.kind}:{key}"


SECTIONS: Mapping[str, Section] = {
    section.name: section
    for section in (
        Section(
            name="files",
            kind="file",
            key=checks.file_path,
            type="file",
            attributes={
                "content": checks.text,
                "source": checks.layer_file,
                "template": checks.layer_file,
                "secret": checks.secret_name,
                "owner": checks.account,
                "group": checks.account,
                "mode": checks.mode,
                "notify": checks.service_names,
                "state": checks.presence,
            },
            in_state=("owner", "group", "mode"),
            exclusive=(CONTENT_GROUP,),
        ),
        Section(
            name="directories",
            kind="directory",
            key=checks.absolute_path,
            type="directory",
            attributes={
                "owner": checks.account,
                "group": checks.account,
                "mode": checks.mode,
                "exhaustive": checks.boolean,
                "state": checks.presence,
            },
            in_state=("owner", "group", "mode"),
        ),
        Section(
            name="symlinks",
            kind="symlink",
            key=checks.file_path,
            type="symlink",
            attributes={
                "target": checks.link_target,
                "owner": checks.account,
                "group": checks.account,
                "state": checks.presence,
            },
            in_state=("owner", "group", "target"),
            required=("target",),
        ),
    )
}

NOT_YET_MANAGED = (
    "packages",
    "services",
    "sysctl",
    "users",
    "groups",
    "cron",
    "mounts",
    "kernel_modules",
)
"""Sections whose names are taken: they may stand empty until their kind arrives."""

KIND_TO_SECTION: Mapping[str, Section] = {section.kind: section for section in SECTIONS.values()}
