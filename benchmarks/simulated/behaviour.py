"""How a simulated host misbehaves, and for how often.

Before SSH begins:
    drop       the connection is closed as it is accepted, as sshd does with more than MaxStartups
    reset      the same, as a machine does that just went down
    silent     it is accepted, and nothing is ever said
    noise      binary and escape codes in place of the banner
    lengths    a banner, then a packet that says that it is four gigabytes long
    stall      a banner, and nothing more           trickle    a banner, a byte now and then
While signing in:
    mute       no answer, ever
When the collector is run:
    hang       nothing, ever                    drip      a byte now and then, for ever
    flood      as much as the connection takes  errors    the same on standard error
    binary     binary and escape codes          exit      a message, exit status 1
    cut        the connection breaks in the middle of the answer
    short      the answer ends in the middle, as if that were all
    lie        sections that end with another's number
    sums       where digests are asked for, something else
    half       half of the answer and its end, but the channel stays open
    ignore     packets that are to be ignored, as many as the connection takes
"""

import random
from dataclasses import dataclass

AT_THE_DOOR = frozenset(("drop", "reset", "silent", "noise", "lengths", "stall", "trickle"))
IN_THE_ANSWER = frozenset(
    ("hang", "drip", "flood", "errors", "binary", "exit", "cut", "short", "lie", "sums", "half", "ignore")
)
KINDS = AT_THE_DOOR | IN_THE_ANSWER | {"mute"}


@dataclass
class Behaviour:
    """`kind` as above, or "" for none; `times` is for how many connections (None: until told otherwise).

    `latency` is how long an answer takes to begin, in seconds.
    """

    kind: str = ""
    times: int | None = None
    latency: float = 0.0

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS:
            raise ValueError(f"not a way to misbehave: {self.kind}")

    def taken(self) -> str:
        """What the connection that begins now meets."""
        if not self.kind or self.times == 0:
            return ""
        if self.times is not None:
            self.times -= 1
        return self.kind


@dataclass
class Weather:
    """What all hosts suffer: a share of connections that fail in some way, by a seed, and a latency for each answer."""

    fail_rate: float = 0.0
    fail_kind: str = "drop"
    latency: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        Behaviour(self.fail_kind)

    def taken(self) -> str:
        return self.fail_kind if self.fail_rate and self._random.random() < self.fail_rate else ""
