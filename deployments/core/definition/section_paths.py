"""The sections whose resources are things in the file system; they share the host's paths."""

from deployments.core.canonical import unordered
from deployments.core.definition import checks, checks_system
from deployments.core.definition.model import CONTENT_GROUP
from deployments.core.definition.section import Section

_NONE = {"acl": [], "capabilities": ""}

PATH_SECTIONS = (
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
            "acl": checks_system.words_list,
            "capabilities": checks_system.one_line_or_nothing,
            "notify": checks.service_names,
            "state": checks.presence,
        },
        in_state=("mode", "owner", "group", "acl", "capabilities"),
        exclusive=(CONTENT_GROUP,),
        canonical={"acl": unordered},
        optional=_NONE,
        implied=("acl", "capabilities"),
        example='mode: "0644"',
        leaves_out={"mode": "0644", "owner": "root", "group": "root"},
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
            "acl": checks_system.words_list,
            "exhaustive": checks.boolean,
            "state": checks.presence,
        },
        in_state=("mode", "owner", "group", "acl"),
        canonical={"acl": unordered},
        optional={"acl": []},
        implied=("acl",),
        example='mode: "0755"',
        leaves_out={"mode": "0755", "owner": "root", "group": "root"},
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
        in_state=("target", "owner", "group"),
        required=("target",),
        example="target: …",
        leaves_out={"owner": "root", "group": "root"},
    ),
)
