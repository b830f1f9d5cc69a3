"""One host's collection as a sans-I/O state machine: bytes to send, bytes received, an observation at the end.

    collection = Collection(question, nonce=…, wanted=…)
    while (program := collection.send()) is not None:
        …run collection.command with the program on its standard input…
        collection.receive(output, None)
    observation = collection.result()

Each round asks what the surveys of all kinds want to know next; they end when none has anything to ask. When
the transport fails, `receive` is told the reason, what is complete counts, and nothing more is asked.
"""

from collections.abc import Callable, Iterable, Mapping

from deployments.collector import reasons
from deployments.collector.facts import clock_offset, parse_clock, parse_facts
from deployments.collector.question import Limits, Observation, Question
from deployments.collector.wire import COMMAND, Ask, Framed, program_input, split_answer
from deployments.core.states import State, Unknown
from deployments.kinds.base import Findings, Survey
from deployments.kinds.listing import ListingSurvey
from deployments.kinds.path_content import Wanted
from deployments.kinds.path_survey import PathSurvey
from deployments.kinds.registry import LISTED
from deployments.traces.base import Traces
from deployments.traces.survey import ASKS, parse_traces

__all__ = ["Collection", "Limits", "Observation", "Question"]

_MAX_ROUNDS = 8


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
    ) -> None:
        self.question, self.limits = question, limits or Limits()
        self._nonce = nonce
        self._surveys: list[Survey] = [
            PathSurvey(question, hmac_key=hmac_key, wanted=wanted, limits=self.limits),
            ListingSurvey(question, LISTED),
        ]
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
            if self._tracing or not self._moved(
                _merged(survey.findings() for survey in self._surveys).states
            ):
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
        found = _merged(survey.findings() for survey in self._surveys)
        if self._failure:  # what we never came to ask is unknown for the reason that stopped us
            for resource, state in found.states.items():
                if state == Unknown(reasons.NOT_ASKED):
                    found.states[resource] = Unknown(self._failure)
            for path, why in found.listed.items():
                if why == reasons.NOT_ASKED:
                    found.listed[path] = self._failure
        return Observation(
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
        )

    @property
    def _round_nonce(self) -> str:
        return f"{self._nonce}{self._round}"

    def _take_facts(self, framed: Framed, times: tuple[float, float] | None) -> None:
        first, last = framed.replies[0], framed.replies[-1]
        if first.failure:
            return
        self._facts = parse_facts(first.body)
        started, ended = parse_clock(first.body), parse_clock(last.body)
        if times and started is not None and ended is not None and not last.failure:
            self._clock_offset = clock_offset(times[0], started, ended, times[1])


def _merged(parts: Iterable[Findings]) -> Findings:
    whole = Findings()
    for part in parts:
        whole.states |= part.states
        whole.evidence |= part.evidence
        whole.contents |= part.contents
        whole.redactions |= part.redactions
        whole.withheld |= part.withheld
        whole.listed |= part.listed
        whole.implied |= part.implied
        whole.redacted |= part.redacted
        whole.unseen |= part.unseen
        whole.problems += part.problems
        if part.packaged is not None:
            whole.shipped, whole.packaged = part.shipped, part.packaged
    return whole


def unknown_observation(question: Question, failure: str) -> Observation:
    """The observation of a host that could not be looked at."""
    collection = Collection(question, nonce="a" * 16)
    collection.fail(failure or reasons.INTERNAL)
    return collection.result()
