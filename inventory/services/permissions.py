"""What the services of this app ask before they write."""

from common.core import roles
from common.core.actor import Actor


def require(actor: Actor, permission: str) -> None:
    """Raise NotPermitted; Foldback itself (a command run on the server) may, and the ledger says it was."""
    if actor.kind != "system":
        roles.require(actor, permission)
