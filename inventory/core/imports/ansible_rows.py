"""From a GroupTree to host rows: groups become environment, roles and team, variables become fields."""

import re
import shlex
from collections.abc import Iterable, Mapping

from inventory.core.imports.fields import RowBuilder, check_rows
from inventory.core.imports.groups import GroupTree, Located, Member
from inventory.core.imports.meaning import ENVIRONMENT, IGNORE, ROLE, SKIP, TEAM, Meaning, meaning_of
from inventory.core.imports.plan import Findings, HostRow, hosts
from inventory.core.names import shown

_ALIASES = {
    "address": ("ansible_host", "ansible_ssh_host"),
    "port": ("ansible_port", "ansible_ssh_port"),
    "user": ("ansible_user", "ansible_ssh_user"),
    "connection": ("ansible_connection",),
    "transport": ("foldback_transport",),
    "root": ("foldback_root",),
    "credential": ("foldback_credential",),
    "jump_host": ("foldback_jump_host",),
    "site": ("foldback_site",),
}
_READ = frozenset(name for names in _ALIASES.values() for name in names)
_SSH_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")
_MAX_WORK = 5_000_000  # groups and variables over all hosts: a small file can multiply into a lot
_SSH_CONNECTIONS = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh"})


def rows_from(tree: GroupTree, mapping: Mapping[str, Meaning], findings: Findings) -> list[HostRow]:
    """One row for each host that isn't skipped, in the order of the file."""
    tree.settle(findings)
    if findings.problems:
        return []  # a loop or a broken line: inheritance would be a guess
    meanings = {name: meaning_of(name, mapping) for name in tree.groups}
    order = {name: position for position, name in enumerate(tree.groups)}
    _note_groups(tree, meanings, mapping, findings)
    builder = RowBuilder(findings)
    rows = []
    skipped = work = 0
    for member in tree.hosts.values():
        # In the order of the file, which is the order of roles.
        ancestors = sorted(tree.ancestors(member), key=order.__getitem__)
        values = tree.inherited(member, ancestors)
        work += len(ancestors) + len(values)
        if work > _MAX_WORK:
            findings.problem(
                member.line,
                "its hosts, groups and variables multiply into too much",
                "Nest groups less deeply, or import it in parts.",
            )
            break
        said = [meaning for name in ancestors if (meaning := meanings[name])]
        if any(meaning.kind == SKIP for meaning in said):
            skipped += 1
            continue
        row = _row(member, _with_jump_host(values, tree, findings), said, builder, findings)
        if row:
            rows.append(row)
    if skipped:
        findings.note(0, f"{hosts(skipped)} in groups that the mapping skips: not imported")
    check_rows(rows, findings)
    return rows


def _note_groups(
    tree: GroupTree,
    meanings: Mapping[str, Meaning | None],
    mapping: Mapping[str, Meaning],
    findings: Findings,
) -> None:
    for name, meaning in meanings.items():
        if meaning is None:
            findings.note(
                tree.groups[name].line,
                f"group {name} means nothing here, so only its variables are used; map it to role:NAME, "
                "environment:NAME, team:NAME or ignore if it should",
            )
    for name in mapping:
        if name not in tree.groups:
            findings.note(0, f"the mapping names the group {name}, which is not in this inventory")


def _row(
    member: Member,
    values: Mapping[str, Located],
    meanings: Iterable[Meaning],
    builder: RowBuilder,
    findings: Findings,
) -> HostRow | None:
    if not builder.name(member.name, member.line):
        return None
    said: dict[str, dict[str, None]] = {ENVIRONMENT: {}, ROLE: {}, TEAM: {}, IGNORE: {}}
    for meaning in meanings:
        said[meaning.kind][meaning.value] = None
    for kind in (ENVIRONMENT, TEAM):
        if len(said[kind]) > 1:
            findings.problem(
                member.line,
                f"{member.name} is in more than one {kind}: {', '.join(said[kind])}",
                f"Leave it in one, or map the other groups to ignore; a host has one {kind}.",
            )
    if not said[ENVIRONMENT]:
        findings.problem(
            member.line,
            f"{member.name} has no environment",
            "Put it into a group such as env_prod, or map one of its groups: --map GROUP=environment:prod.",
        )
    fields = {field: _first(values, names) for field, names in _ALIASES.items()}
    _check_connection(member.name, fields["connection"], findings)
    transport, root = builder.transport(fields["transport"], fields["root"])
    return HostRow(
        name=member.name,
        environment=next(iter(said[ENVIRONMENT]), ""),
        roles=tuple(said[ROLE]),
        line=member.line,
        team=next(iter(said[TEAM]), None),
        address=builder.address(fields["address"]),
        port=builder.port(fields["port"]),
        user=builder.user(fields["user"]),
        transport=transport,
        root=root,
        credential=builder.text("credential", fields["credential"]),
        jump_host=builder.jump_host(member.name, transport, fields["jump_host"]),
        site=builder.word("site", fields["site"]),
        variables=builder.variables(_ordinary(values, findings), member.line),
    )


def _with_jump_host(values: dict[str, Located], tree: GroupTree, findings: Findings) -> Mapping[str, Located]:
    """The variables, with what the arguments for ssh say of a jump host in the place of those arguments."""
    located = next((values[name] for name in _SSH_ARGUMENTS if name in values), None)
    jump = jump_in(located.value) if located is not None else None
    if located is None or jump is None:
        return values
    rest = {name: value for name, value in values.items() if name not in _SSH_ARGUMENTS}
    if "foldback_jump_host" in values:
        return rest
    if jump not in tree.hosts:
        why = "the jump host in it is not one host of this inventory; write foldback_jump_host=NAME"
        findings.left_out("ansible_ssh_common_args", located.line, why)
        return rest
    return {**rest, "foldback_jump_host": Located(jump, located.line)}


def jump_in(arguments: object) -> str | None:
    """The value of ProxyJump in arguments for ssh, the last one as written; None without one."""
    try:
        words = shlex.split(arguments) if isinstance(arguments, str) else []
    except ValueError:
        return None
    text = " ".join(words)
    found = re.findall(r"(?:^| )(?:-J ?|-o ?ProxyJump[ =])([^ ]+)", text, re.IGNORECASE)
    return found[-1] if found and found[-1] != "none" else None


def _first(values: Mapping[str, Located], names: tuple[str, ...]) -> Located | None:
    return next((values[name] for name in names if name in values), None)


def _ordinary(values: Mapping[str, Located], findings: Findings) -> dict[str, Located]:
    """Variables that are the host's own, without what tells Ansible how to connect."""
    kept = {}
    for name, located in values.items():
        if name in _READ:
            continue
        if name.startswith("ansible_"):
            findings.left_out(name, located.line, "it is meant for Ansible itself")
        elif name.startswith("foldback_"):
            findings.problem(
                located.line,
                f"{name} is not known",
                "The variables that Foldback reads are foldback_transport, foldback_root, foldback_credential, "
                "foldback_jump_host and foldback_site.",
            )
        else:
            kept[name] = located
    return kept


def _check_connection(host: str, located: Located | None, findings: Findings) -> None:
    if located is None or located.value in _SSH_CONNECTIONS:
        return
    findings.problem(
        located.line,
        f"{host} has ansible_connection={shown(located.value)}, and Foldback looks at hosts over ssh",
        "Leave the host out (map a group of it to skip), or for a folder on the worker's machine write "
        "foldback_transport=local foldback_root=/its/root and drop ansible_connection.",
    )
