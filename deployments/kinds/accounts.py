"""Local users and groups, from /etc/passwd and /etc/group. What a directory service adds is not seen.

Membership of a local user is the user's `groups`; a group's `members` are the other names that it lists: so one
edit of /etc/group is one difference. No password, and no digest of one, is ever read.
"""

from dataclasses import dataclass, field

from deployments.collector import reasons
from deployments.collector.reasons import printable, reason
from deployments.core.canonical import unordered
from deployments.core.redaction import redact
from deployments.core.states import Present, State, Unknown
from deployments.kinds.host_texts import HostTexts, never_raising, parse_texts
from deployments.kinds.listing import Listed, ListedKind

PASSWD, GROUP = "/etc/passwd", "/etc/group"
_MAX_NUMBER = 2**32


@dataclass(slots=True)
class _Table:
    """One of the two files: fields by name, without the second one. `bad` are names whose line can't be read."""

    rows: dict[str, list[str]] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def _parse_users(body: bytes) -> Listed:
    texts = parse_texts(body)
    if why := _missing(texts):
        return Listed(incomplete=why)
    users = _table(texts, PASSWD, fields=6)
    groups = _table(texts, GROUP, fields=3)
    names = {int(fields[1]): name for name, fields in reversed(groups.rows.items())}
    member_of: dict[str, list[str]] = {}
    for group, fields in groups.rows.items():
        for member in _members(fields):
            member_of.setdefault(member, []).append(group)
    states: dict[str, State] = {}
    redacted: dict[str, int] = {}
    for name, (_, uid, gid, comment, home, shell) in users.rows.items():
        shown = redact(comment)
        states[name] = Present(
            {
                "uid": int(uid),
                "group": names.get(int(gid), str(int(gid))),
                "groups": unordered(member_of.get(name, ())),
                "home": home,
                "shell": shell,
                "comment": shown.text,
            }
        )
        if shown.count:
            redacted[name] = shown.count
    return _listed(users, states, texts, redacted)


def _parse_groups(body: bytes) -> Listed:
    texts = parse_texts(body)
    if why := _missing(texts):
        return Listed(incomplete=why)
    local = _table(texts, PASSWD, fields=6).rows.keys()
    groups = _table(texts, GROUP, fields=3)
    states: dict[str, State] = {
        name: Present(
            {"gid": int(fields[1]), "members": unordered(m for m in _members(fields) if m not in local)}
        )
        for name, fields in groups.rows.items()
    }
    return _listed(groups, states, texts, {})


USERS = ListedKind(
    "user",
    "users",
    ("uid", "group", "groups", "home", "shell", "comment"),
    verb="accounts",
    parse=never_raising(_parse_users),
)
GROUPS = ListedKind(
    "group", "groups", ("gid", "members"), verb="accounts", parse=never_raising(_parse_groups)
)


def _listed(table: _Table, states: dict[str, State], texts: HostTexts, redacted: dict[str, int]) -> Listed:
    for name in table.bad:
        states[name] = Unknown(reason(reasons.GARBLED, "its line can't be read"))
    times = max(texts.evidence.values(), key=lambda found: found["mtime"], default=None)
    # The files are one for all of them: their times say when anybody was changed last.
    evidence = (
        {} if times is None else {name: {key: times[key] for key in ("mtime", "ctime")} for name in states}
    )
    return Listed(states, None, evidence, tuple(table.problems), redacted)


def _missing(texts: HostTexts) -> str | None:
    """A file that can't be read hides everybody; one that is not there names nobody."""
    return next((reason(why, path) for path, why in texts.failed.items()), None)


def _table(texts: HostTexts, path: str, *, fields: int) -> _Table:
    """The usable lines of a file; the first of a name counts, as it does for the host."""
    table = _Table()
    for line in texts.texts.get(path, "").split("\n"):
        if not line or line.startswith(("#", "+", "-")):
            continue  # a comment; names that come from a directory service
        name, *rest = line.split(":")
        if name in table.rows or name in table.bad:
            table.problems.append(f"{path}: {printable(name, 80)} is there twice; the first one counts")
        elif not _is_name(name):
            table.problems.append(f"{path}: a line that can't be read was left out")
        elif (
            len(rest) < fields - 1
            or not line.isprintable()
            or not all(map(_is_number, rest[: 2 if fields > 3 else 1]))
        ):
            table.bad.add(name)
        else:
            table.rows[name] = [name, *rest[: fields - 2], ":".join(rest[fields - 2 :])]
    table.problems[20:] = []
    return table


def _members(fields: list[str]) -> list[str]:
    return [member for member in fields[2].split(",") if _is_name(member)]


def _is_name(text: str) -> bool:
    return bool(text) and len(text) <= 256 and text.isprintable() and not any(map(str.isspace, text))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < _MAX_NUMBER
