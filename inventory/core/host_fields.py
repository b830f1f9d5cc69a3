"""A host's fields as the API takes them: every reason why they can't be kept, by field."""

from collections.abc import Mapping
from typing import Any

from inventory.core.names import address_problem, host_name_problem, shown, user_problem, word_problem
from inventory.core.variables import variables_problems

EDITABLE = (
    "environment", "roles", "team", "variables", "address", "port", "user", "transport", "root", "credential",
    "jump_host", "site",
)  # fmt: skip
TRANSPORTS = ("ssh", "local")
MAX_ROLES = 50


def field_problems(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(field, problem) for a whole host: its name and EDITABLE fields, empty text where nothing is said."""
    problems: list[tuple[str, str | None]] = [
        ("name", host_name_problem(values["name"])),
        ("environment", word_problem("environment", values["environment"])),
        *(("roles", word_problem("role", role)) for role in values["roles"]),
        ("roles", _roles_problem(values["roles"])),
        ("address", address_problem(values["address"]) if values["address"] else None),
        ("user", user_problem(values["user"]) if values["user"] else None),
        ("port", None if 1 <= values["port"] <= 65535 else "a port is a number from 1 to 65535"),
        ("root", root_problem(values["transport"], values["root"])),
        ("jump_host", jump_host_problem(values["name"], values["transport"], values["jump_host"])),
        ("site", word_problem("site", values["site"]) if values["site"] else None),
        *(
            (f"variables/{name}".rstrip("/"), problem)
            for name, problem in variables_problems(values["variables"]).items()
        ),
    ]
    if values["transport"] not in TRANSPORTS:
        problems.append(
            ("transport", f"{values['transport']!r} is not a transport: ssh, or local with a root")
        )
    return [(field, problem) for field, problem in problems if problem]


def root_problem(transport: str, root: str) -> str | None:
    """Why this root doesn't go with this transport, or None."""
    if transport == "local":
        if not root:
            return "the transport local needs a root: the folder that is the host's /"
        if not root.startswith("/") or ".." in root.split("/") or len(root) > 4096 or "\x00" in root:
            return f"{shown(root)} is not an absolute path"
    elif root:
        return "only the transport local has a root"
    return None


def jump_host_problem(name: str, transport: str, jump_host: str | None) -> str | None:
    """Why a host can't be reached through this one, as far as these two say, or None."""
    if jump_host and transport == "local":
        return "a local folder is not reached through a jump host"
    return "a host can't be reached through itself" if jump_host == name else None


def _roles_problem(roles: list[str]) -> str | None:
    if len(roles) > MAX_ROLES:
        return f"a host has at most {MAX_ROLES} roles"
    if len(set(roles)) < len(roles):
        return "a role is named twice; roles are in order, and each counts once"
    return None
