"""When a connection that never came about is tried again. Pure: times and chance come from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployments.collector import reasons


def _attempts() -> dict[str, int]:
    # Nobody listens: a service that restarts is back soon, a machine that is down is not. Who hangs up before a word is
    # there, and has too much to do: `MaxStartups` of an sshd drops whoever comes beyond it.
    return {reasons.REFUSED: 3, reasons.CONNECTION_LOST: 10}


@dataclass(frozen=True)
class Retries:
    """`attempts` by the code of the failure: how often in all; any other code is final. Times in seconds.

    The pause doubles from `first` to `longest`, and is spread over half to one and a half of that, so that those who were
    dropped together do not come back together. After `total` since the first attempt there is no other.
    """

    attempts: Mapping[str, int] = field(default_factory=_attempts)
    first: float = 0.25
    longest: float = 2.0
    total: float = 15.0

    def pause(self, code: str, *, attempt: int, elapsed: float, chance: float) -> float | None:
        """How long to wait after attempt number `attempt` (from 1), or None when that was the last. `chance` is a random
        number from 0 to 1."""
        if attempt >= self.attempts.get(code, 1):
            return None
        pause: float = min(self.longest, self.first * 2 ** (attempt - 1)) * (0.5 + chance)
        return pause if elapsed + pause <= self.total else None


NEVER = Retries(attempts={})
