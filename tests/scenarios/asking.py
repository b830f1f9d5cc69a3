"""A client of the running service that costs little: thousands of requests from some threads, and the time of each."""

import http.client
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

Answer = tuple[int, dict[str, Any], float]


class Asker:
    """`ask(path, body)` → (status, body, seconds). Each thread keeps a connection; OSError or HTTPException when there
    is no answer."""

    def __init__(self, address: str, port: int, token: str, *, timeout: float = 30) -> None:
        self.address, self.port, self.timeout = address, port, timeout
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._local = threading.local()

    def ask(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self.address, self.port, timeout=self.timeout)
            self._local.connection = connection
        began = time.perf_counter()
        try:
            connection.request(
                "POST", f"/api/v1/{path}", json.dumps(body), {**self.headers, **(headers or {})}
            )
            answer = connection.getresponse()
            text = answer.read()
        except BaseException:
            self._local.connection = None
            connection.close()
            raise
        return answer.status, json.loads(text), time.perf_counter() - began
