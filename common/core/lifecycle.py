"""A lifecycle is one table: `(state, event) → state`. What is not in the table can't happen."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.core.errors import Conflict


class IllegalTransition(Conflict):
    title = "That can't be done in this state"


@dataclass(frozen=True)
class Lifecycle:
    name: str
    initial: tuple[str, ...]
    table: Mapping[tuple[str, str], str]
    meaning: Mapping[str, str]  # what each state means, for people

    def __post_init__(self) -> None:
        unexplained = self.states - set(self.meaning)
        if unexplained:
            raise ValueError(f"{self.name}: states without a meaning: {sorted(unexplained)}")

    @property
    def states(self) -> set[str]:
        return {state for state, _ in self.table} | set(self.table.values()) | set(self.initial)

    @property
    def events(self) -> set[str]:
        return {event for _, event in self.table}

    @property
    def final(self) -> set[str]:
        return self.states - {state for state, _ in self.table}

    def allowed(self, state: str) -> list[str]:
        return [event for old, event in self.table if old == state]

    def next(self, state: str, event: str) -> str:
        """The state after `event`; raises IllegalTransition and changes nothing when the table has no row."""
        try:
            return self.table[state, event]
        except KeyError:
            possible = ", ".join(self.allowed(state)) or "nothing"
            raise IllegalTransition(
                f"A {self.name} that is {state} can't {event}; possible from here: {possible}."
            ) from None
