"""What a resource was seen to be before and after a change: what whoever looks at hosts can tell of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Seen:
    """`state` as JSON (`{"value": "present", "data": {…}}`), of a look of `at`: before a change the last one that is
    known of, after it the first."""

    state: dict[str, Any]
    at: datetime


@dataclass(frozen=True)
class LiveStates:
    """One resource of one host. None where no look tells: nobody has looked, or not at this resource."""

    host: str
    resource: str
    before: Seen | None = None
    after: Seen | None = None

    @property
    def differs(self) -> bool | None:
        """Whether the looks show a difference; None where one of them is missing."""
        if self.before is None or self.after is None:
            return None
        return self.before.state != self.after.state
