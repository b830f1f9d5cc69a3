"""A mail server of somebody else's, on loopback: it takes messages, or answers as a test says."""

import email
import email.policy
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage

# Called with what is known of a message when it is whole, before it is answered for; may raise Gone.
Before = Callable[[EmailMessage], None]


class Gone(Exception):
    """The connection ends here, without a word."""


@dataclass
class Mailbox:
    """`replies` takes the place of what it would say to a word: {"RCPT": "550 5.1.1 no such user"}."""

    port: int = 0
    got: list[EmailMessage] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)
    before_answer: Before | None = None


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    here = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(Gone, OSError):
                self._talk()

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def _talk(self) -> None:
            self._say("220 mail.test ready")
            while line := self.rfile.readline():
                word = line.decode().split(maxsplit=1)[0].upper()
                if word == "DATA" and "DATA" not in here.replies:
                    self._take()
                    continue
                self._say(here.replies.get(word, "221 bye" if word == "QUIT" else "250 ok"))
                if word == "QUIT":
                    return

        def _take(self) -> None:
            self._say("354 go on")
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line[1:] if line.startswith(b"..") else line)
            message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            here.got.append(message)
            if here.before_answer is not None:
                here.before_answer(message)
            self._say(here.replies.get("END", "250 taken"))

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    here.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
