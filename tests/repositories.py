"""A small definition in a real repository, for the tests of Git."""

from datetime import UTC, datetime

from deployments.repository import DefinitionRepository

ANA, BEN = ("Ana", "ana@example.com"), ("Ben", "ben@example.com")
NOON = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
MOTD = "base/files/motd"
FILES = {
    "definition.yaml": b"format: 1\n",
    "base/resources.yaml": b"# keep me\r\nfiles: {}\n",
    MOTD: b"".join(b"line %d\n" % number for number in range(20)),
    "base/files/logo": b"\x89PNG\0\xff",
}


def commit(
    repository: DefinitionRepository,
    edits: dict[str, bytes | None],
    message: str = "Change",
    parent: str | None = None,
    when: datetime = NOON,
) -> str:
    return repository.commit(
        parent=parent or repository.head(), edits=edits, author=ANA, committer=BEN, message=message, when=when
    )


def motd(*, first: bytes = b"line 0", last: bytes = b"line 19") -> bytes:
    return FILES[MOTD].replace(b"line 0\n", first + b"\n").replace(b"line 19\n", last + b"\n")
