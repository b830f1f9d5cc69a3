"""Renaming a host, with a look at what the definition says for it under the new name.

The definition is never touched: people move a folder in Git, where it is reviewed. So a host whose folder bears the
old name is not renamed away from it by accident.
"""

from dataclasses import dataclass, replace

from common.core.actor import Actor
from common.core.errors import Conflict, FoldbackError
from deployments.core.definition.renaming import RenamedResource, changed_by_name, folder_of
from deployments.core.errors import DefinitionUnavailable
from deployments.queries.definitions import definition_at, desired_for, head_revision
from inventory.models import Host
from inventory.queries.hosts import host_view
from inventory.services.host_life import rename_host


@dataclass(frozen=True)
class RenamePreview:
    """What becomes of the definition. `left` are the files of `hosts/<old>/`, `found` those of `hosts/<new>/`.

    `changed` are resources of which it says something else afterwards: those of the folder, and rendered files that
    use the host's name. `problem` says why the definition can't be read: then nobody knows.
    """

    old: str
    new: str
    left: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    is_same_folder: bool = True
    changed: tuple[RenamedResource, ...] = ()
    problem: str = ""

    @property
    def moves_layer(self) -> bool:
        """The host would have, or may have, another layer of its own than it has now."""
        return bool(self.problem) or not self.is_same_folder


def preview_rename(*, host: Host, name: str) -> RenamePreview:
    """What the definition's head says for the host under another name. Reads Git: not for use in a transaction."""
    preview = RenamePreview(host.name, name)
    try:
        definition = definition_at(head_revision())
    except DefinitionUnavailable:
        return preview
    except FoldbackError as error:
        return replace(preview, problem=error.detail)
    view = host_view(host)
    left, found = folder_of(definition, host.name), folder_of(definition, name)
    return replace(
        preview,
        left=tuple(sorted(left)),
        found=tuple(sorted(found)),
        is_same_folder=left == found,
        changed=tuple(
            changed_by_name(desired_for(definition, view), desired_for(definition, replace(view, name=name)))
        ),
    )


def rename_with_definition(
    *, actor: Actor, host: Host, name: str, preview: RenamePreview, accept_layer: bool = False
) -> None:
    """Rename a host, unless that would take its own layer of the definition away, or give it another one.

    `accept_layer`: somebody looked at the preview, and it is meant so. Raises Conflict with what to do instead.
    """
    if preview.moves_layer and not accept_layer:
        raise Conflict(_why_not(preview))
    rename_host(actor=actor, host=host, name=name)


def _why_not(preview: RenamePreview) -> str:
    if preview.problem:
        return f"What the definition says for the new name can't be told: {preview.problem}"
    old, new = f"hosts/{preview.old}/", f"hosts/{preview.new}/"
    if preview.left and preview.found:
        return (
            f"The definition has both {old} and {new}, and they differ: renamed, the host would be held to {new}. "
            "Make them alike first, or say that it is meant so (accept_layer)."
        )
    if preview.left:
        return (
            f"The definition has {old} for this host, which is found by its name and would apply to nobody. Commit a "
            f"copy of it as {new} first, rename the host, then remove {old}; or say that it is meant so (accept_layer)."
        )
    return (
        f"The definition has {new}, which would apply to this host as soon as it is called so. Remove it first, or "
        "say that it is meant so (accept_layer)."
    )
