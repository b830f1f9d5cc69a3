"""What every way to a host offers: one connection, over which commands run with bounded input and output."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from deployments.collector.reasons import reason

if TYPE_CHECKING:
    from deployments.transport.host_keys import HostKey

STDERR_KEPT = 16 * 1024
"""How much of the standard error of a command is kept; the rest is read and dropped, and counts as output."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command wrote. `exit_status` is None when it was killed or the host did not say."""

    stdout: bytes
    stderr: bytes = b""
    exit_status: int | None = 0


class TransportFailure(Exception):
    """The host could not be reached, or the way to it broke. `code` is one of `deployments.collector.reasons`.

    `output` is what had arrived by then: complete sections in it still count. `offered` is the host key that was
    refused, where that is why. `cause` is the code that tells whether it may pass by itself, where that is another:
    what stood in the way of a jump host.
    """

    def __init__(
        self,
        code: str,
        detail: object = "",
        *,
        output: bytes = b"",
        offered: "HostKey | None" = None,
        cause: str = "",
    ) -> None:
        self.code, self.output, self.offered = code, output, offered
        self.cause = cause or code
        self.reason = reason(code, detail)
        super().__init__(self.reason)


class Session(Protocol):
    """An open connection."""

    async def run(self, command: str, stdin: bytes, *, max_output: int, timeout: float) -> Answer:
        """Run one command with `stdin` as its input.

        Ends it and raises TransportFailure when it writes more than `max_output` bytes ("over limit"), takes
        longer than `timeout` seconds ("timed out"), or the connection breaks.
        """


class Transport(Protocol):
    """A way to one host. It is opened once, and all rounds go over it."""

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Connect; raises TransportFailure when that fails. Leaving the context closes whatever is left."""
