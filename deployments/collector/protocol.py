"""One host's collection as a sans-I/O state machine: bytes to send, bytes received, an observation at the end.

    collection = Collection(question, nonce=…, wanted=…)
    while (program := collection.send()) is not None:
        …run collection.command with the program on its standard input…
        collection.receive(output, None)
    observation = collection.result()

Each round asks what the surveys of all kinds want to know next; they end when none has anything to ask. When
the transport fails, `receive` is told the reason, what is complete counts, and nothing more is asked.
"""

from collections.abc import Callable, Mapping
from typing import Any

from deployments.collector import reasons
from deployments.collector.facts import clock_offset, parse_clock, parse_facts
from deployments.collector.question import Limits, Memory, Observation, Question, Recalled
from deployments.collector.quick import (
    ABOUT,
    CONTENTS,
    PATHS,
    contents_key,
    first_asks,
    remembered,
    section_key,
    section_of_kind,
    stats_key,
)
from deployments.collector.wire import (
    COMMAND,
    Ask,
    Framed,
    Reply,
    program_input,
    section_sum,
    split_answer,
)
from deployments.core.states import State, Unknown
from deployments.kinds.base import Survey, merged
from deployments.kinds.listing import ListingSurvey
from deployments.kinds.path_content import Wanted
from deployments.kinds.path_survey import PathSurvey
from deployments.kinds.registry import LISTED
from deployments.traces.base import Traces
from deployments.traces.survey import ASKS, parse_traces

__all__ = ["Collection", "Limits", "Observation", "Question"]

_MAX_ROUNDS = 8
_MOST_REMEMBERED = (
    1_000_000  # characters of one section, besides states: a host may have as many odd names as it likes
)


def _nothing(resource: str, state: State) -> bool:
    return False


def _unmoved(states: Mapping[str, State]) -> bool:
    return False


class Collection:
    """One look at one host.

    `nonce`: 16 to 64 lower-case letters and digits, a letter first, random, new for every collection.
    `hmac_key`: for the content of secret paths, which is unknown without it.
    `wanted`: decides, once digests are known, whose content is fetched; default nobody's.
    `moved`: decides, once all states are known, whether something changed there, so that it is worth asking who was
    at work; default never.
    """

    command = COMMAND
    """What to run on the host; the program comes on its standard input."""

    def __init__(
        self,
        question: Question,
        *,
        nonce: str,
        hmac_key: bytes | None = None,
        wanted: Wanted = _nothing,
        moved: Callable[[Mapping[str, State]], bool] = _unmoved,
        limits: Limits | None = None,
        recalled: Recalled | None = None,
        moved_sections: frozenset[str] | None = None,
        salt: bytes = b"",
    ) -> None:
        self.question, self.limits = question, limits or Limits()
        self._nonce, self._salt = nonce, salt
        if recalled is None or moved_sections is None:
            recalled = moved_sections = None
        else:  # nothing is taken for what it was that was not looked at then
            moved_sections |= {
                section_of_kind(name.partition(":")[0])
                for name in question.resources
                if name not in recalled.states
            }
        self._recalled, self._moved_sections = recalled, moved_sections
        self._paths = PathSurvey(
            question,
            hmac_key=hmac_key,
            wanted=wanted,
            limits=self.limits,
            recalled=recalled,
            memory_key=stats_key(salt),
        )
        self._listings = ListingSurvey(question, [kind for kind in LISTED if self._is_asked(kind.verb)])
        self._surveys: list[Survey] = [
            *([self._paths] if self._is_asked(PATHS) else []),
            self._listings,
        ]
        self._sums: dict[str, str] = {}
        self._host_clock: float | None = None
        self._moved = moved
        self._traces: Traces | None = None
        self._tracing = False
        self._asked: list[list[Ask]] = []
        self._round = 0
        self._failure: str | None = None
        self._facts: dict[str, str] = {}
        self._clock_offset: float | None = None
        self.received_bytes = 0

    @property
    def max_output(self) -> int:
        """How many bytes of answer we still take."""
        return max(0, self.limits.output_bytes - self.received_bytes)

    def send(self) -> bytes | None:
        """The standard input of the next round; None when there is nothing more to ask."""
        if self._failure or self._round == _MAX_ROUNDS:
            return None
        self._asked = [survey.asks() for survey in self._surveys]
        asks = [ask for group in self._asked for ask in group]
        if self._round == 0:
            # The clock is read first and last, so that what lies between does not count.
            asks = [Ask("facts"), *asks, Ask("clock")]
        if not asks:
            if self._tracing or not self._moved(self._states()):
                return None
            self._tracing, asks = True, ASKS
        self._round += 1
        return program_input(self._round_nonce, asks)

    def receive(
        self,
        output: bytes,
        failure: str | None = None,
        *,
        stderr: bytes = b"",
        exit_status: int | None = 0,
        times: tuple[float, float] | None = None,
    ) -> None:
        """The answer to the last `send`. `failure` is the transport's reason when it may be cut short.

        `times` are our clock's seconds since 1970 at which the question went out and the answer was complete.
        """
        self.received_bytes += len(output)
        extra = 2 if self._round == 1 else 0
        count = len(ASKS) if self._tracing else sum(map(len, self._asked)) + extra
        framed = split_answer(
            output, self._round_nonce, count, failure=failure, stderr=stderr, exit_status=exit_status
        )
        if self._tracing:
            # Everything that was to be known is known: without traces it is only not known who it was.
            self._traces = parse_traces(framed.replies[0], self._clock_offset)
            return
        self._failure = framed.failure
        replies = list(framed.replies)
        if extra:
            self._take_facts(framed, times)
            self._take_sums(replies)
            replies = replies[1:-1]
        for survey, asked in zip(self._surveys, self._asked, strict=True):
            survey.take(replies[: len(asked)])
            replies = replies[len(asked) :]

    def fail(self, failure: str) -> None:
        """The host could not be reached at all, or the way to it broke between rounds."""
        if self._round == 0:
            self.send()
            self.receive(b"", failure)
        if not self._tracing:
            self._failure = self._failure or failure

    def result(self) -> Observation:
        """What is known. Everything that was asked about has a state, unknown where it was not proven."""
        found = merged(survey.findings() for survey in self._surveys)
        if self._failure:  # what we never came to ask is unknown for the reason that stopped us
            for resource, state in found.states.items():
                if state == Unknown(reasons.NOT_ASKED):
                    found.states[resource] = Unknown(self._failure)
            for path, why in found.listed.items():
                if why == reasons.NOT_ASKED:
                    found.listed[path] = self._failure
        fresh = Observation(
            states=found.states,
            evidence=found.evidence,
            contents=found.contents,
            redactions=found.redactions,
            withheld=found.withheld,
            listed=found.listed,
            implied=frozenset(found.implied),
            redacted=found.redacted,
            unseen=found.unseen,
            shipped=found.shipped,
            packaged=found.packaged,
            clock_offset=self._clock_offset,
            traces=self._traces,
            facts=self._facts,
            problems=tuple(found.problems),
            failure=self._failure,
            memory=self._memory(),
        )
        return fresh if self._recalled is None else fresh.beside(self._unmoved())

    # --- what an earlier look said, and what this one leaves behind -----------------------------------------------------

    def _is_asked(self, section: str) -> bool:
        return self._moved_sections is None or section in self._moved_sections

    def _states(self) -> Mapping[str, State]:
        states = merged(survey.findings() for survey in self._surveys).states
        return states if self._recalled is None else {**self._unmoved().states, **states}

    def _unmoved(self) -> Observation:
        """The part of the earlier look that still holds."""
        assert self._recalled is not None
        memory = self._recalled.memory
        return Recalled(
            Memory({}, rest={name: part for name, part in memory.rest.items() if not self._is_asked(name)}),
            {
                resource: state
                for resource, state in self._recalled.states.items()
                if not self._is_asked(section_of_kind(resource.partition(":")[0]))
            },
        ).observation()

    def _take_sums(self, replies: list[Reply]) -> None:
        """What a quick look would have been told instead."""
        first, *rest, _ = replies
        sections = first_asks(self._asked if len(self._asked) == 2 else [[], *self._asked])
        about = Reply(first.body.partition(b"\0")[2], first.failure, first.status)  # without the clock
        answers = iter(rest)
        for name, asks in sections.items():
            told = section_sum([about] if name == ABOUT else [next(answers) for _ in asks])
            if told is not None:
                self._sums[name] = remembered(section_key(name, asks, self.question, self._salt), told)

    def _memory(self) -> Memory:
        """What may be remembered: sections that were answered whole, and would be answered so again."""
        before = Memory({}) if self._recalled is None else self._recalled.memory
        asked = self._is_asked(PATHS)
        sums = {
            name: told
            for name, told in before.sums.items()
            if not (asked if name == CONTENTS else self._is_asked(name))
        }
        rest = {name: part for name, part in before.rest.items() if not self._is_asked(name)}
        for name, told in self._sums.items():
            part: dict[str, Any] | None = {}
            if name == PATHS:
                part = None if self._failure else self._paths.memory(self._host_clock)
            elif name != ABOUT:
                part = self._listings.memory(name)
            if part is not None and len(repr(part)) <= _MOST_REMEMBERED:
                sums[name] = told
                if part:
                    rest[name] = part
        if asked and PATHS in sums and (read := self._paths.contents()) is not None:
            asks, replies = read
            if (whole := section_sum(replies)) is not None:
                sums[CONTENTS] = remembered(contents_key(asks, self._salt), whole)
        return Memory(sums, self._paths.stats(self._host_clock) if asked else before.stats, rest)

    @property
    def _round_nonce(self) -> str:
        return f"{self._nonce}{self._round}"

    def _take_facts(self, framed: Framed, times: tuple[float, float] | None) -> None:
        first, last = framed.replies[0], framed.replies[-1]
        if first.failure:
            return
        self._facts = parse_facts(first.body)
        started, ended = parse_clock(first.body), parse_clock(last.body)
        self._host_clock = started
        if times and started is not None and ended is not None and not last.failure:
            self._clock_offset = clock_offset(times[0], started, ended, times[1])


def unknown_observation(question: Question, failure: str) -> Observation:
    """The observation of a host that could not be looked at."""
    collection = Collection(question, nonce="a" * 16)
    collection.fail(failure or reasons.INTERNAL)
    return collection.result()
