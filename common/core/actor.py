"""Who acts: a person, a program with a token, or Foldback itself."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Actor:
    """`person_id` is the person who answers for the act: themselves, or the sponsor of the program's token.

    `narrowed_to`, when it is given, are the only permissions of the role that it may use (a token's scopes).
    """

    kind: str  # "person", "program" or "system"
    label: str
    role: str
    person_id: UUID | None = None
    token_id: UUID | None = None
    narrowed_to: frozenset[str] | None = None

    @property
    def is_program(self) -> bool:
        return self.kind == "program"


SYSTEM = Actor(kind="system", label="foldback", role="system")
