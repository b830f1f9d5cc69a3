"""A Foldback to talk to that needs no database: it keeps what it is sent, and can be told to misbehave."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, Any]


class FakeService:
    """`records` are kept once for each token and external id, as the real one does; `seen` is every request."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.seen: list[tuple[str, str, Any, dict[str, str]]] = []
        self.answers: dict[tuple[str, str], Callable[[Any], Reply] | Reply] = {}
        self.refuse: Callable[[dict[str, Any]], Reply | None] = lambda body: None
        self.hang_up_after_recording = 0  # so many times the record is made, and no answer sent
        self.known_tokens: set[str] | None = None
        self.clock: float | None = None  # what its Date header says
        self.lock = threading.Lock()
        self.url = ""

    def on(self, method: str, path: str, reply: Callable[[Any], Reply] | Reply) -> None:
        self.answers[method, path] = reply

    @property
    def made(self) -> list[dict[str, Any]]:
        return list(self.records.values())

    def paths(self, method: str = "") -> list[str]:
        return [path for verb, path, _, _ in self.seen if method in ("", verb)]

    def reply(self, method: str, target: str, body: Any, headers: dict[str, str]) -> Reply | None:
        parts = urlsplit(target)
        path = parts.path.removeprefix("/api/v1/")
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        with self.lock:
            self.seen.append((method, path, body, headers))
            if self.known_tokens is not None and token not in self.known_tokens:
                return problem(401, "This token is unknown, expired or revoked.")
            if (method, path) in self.answers:
                found = self.answers[method, path]
                return found(body) if callable(found) else found
            if path == "changes/bulk/":
                return 200, {"results": [self._one_of_many(token, one) for one in body["changes"]]}
            if path in ("changes/", "incidents/") and method == "POST":
                return self._record(token, path, body)
            if path in ("changes/", "incidents/"):
                wanted = parse_qs(parts.query).get("external_id")
                rows = [row for row in self.made if not wanted or row["external_id"] in wanted]
                return 200, {"results": rows, "next": None, "previous": None}
        return problem(404, "Nothing is at this address.")

    def _one_of_many(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = self._record(token, "changes/", body)
        status, data = reply if reply is not None else problem(500, "hung up")
        return {
            "status": status,
            "change": data if status < 300 else None,
            "problem": data if status >= 400 else None,
        }

    def _record(self, token: str, path: str, body: dict[str, Any]) -> Reply | None:
        key = (token, body.get("external_id") or str(len(self.records)))
        if key in self.records:
            return 200, self.records[key]
        if (refused := self.refuse(body)) is not None:
            return refused
        number = len(self.records) + 1
        reference = f"{'CHG' if path == 'changes/' else 'INC'}-{number}"
        self.records[key] = {
            "hosts": [], "resources": [], **body, "id": str(number), "reference": reference,
            "owner": {"username": "ana", "name": "Ana"}, "owner_source": "recorder", "html_url": f"/changes/{reference}/",
        }  # fmt: skip
        if self.hang_up_after_recording:
            self.hang_up_after_recording -= 1
            return None
        return 201, self.records[key]


def problem(status: int, detail: str, **fields: str) -> Reply:
    errors = [{"pointer": f"/{name}", "detail": text} for name, text in fields.items()]
    body = {"type": "x", "title": "Refused", "status": status, "detail": detail, "request_id": "r"}
    return status, {**body, **({"errors": errors} if errors else {})}


@contextmanager
def serving(fake: FakeService, tls: ssl.SSLContext | None = None) -> Iterator[FakeService]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            found = fake.reply(self.command, self.path, body, dict(self.headers))
            if found is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, data = found
            raw = isinstance(data, bytes)
            content = data if raw else json.dumps(data).encode()
            kind = "text/html" if raw else "application/problem+json" if status >= 400 else "application/json"
            self.send_response_only(status)
            self.send_header("Date", formatdate(fake.clock, usegmt=True))
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if status in (301, 302):
                self.send_header("Location", "/sign-in/")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def nobody() -> str:
    """An address where nobody listens, and nobody will while the socket lives that holds it."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    return f"http://127.0.0.1:{holder.getsockname()[1]}"


_held: list[socket.socket] = []
