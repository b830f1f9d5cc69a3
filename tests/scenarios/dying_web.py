"""The service in a web process that may die where it hurts most: all is committed, and not a byte of the answer is sent.

It dies (SIGKILL, with everything else that it was about) after it has made what a request with `X-Die` asks for. A
request that finds it made already is answered as ever. The file FOLDBACK_DEATHS gets a byte for each death.
"""

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

from django.urls import resolve

from config.wsgi import application as foldback

resolve("/api/v1/changes/")  # loads all code before processes part: who comes back, comes back at once


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    told: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        told.update(status=status, replay=any(name == "Idempotent-Replay" for name, _ in headers))
        return start_response(status, headers, *more)  # which sends nothing yet

    body = foldback(environ, start)
    if "HTTP_X_DIE" in environ and not told["replay"] and told["status"].startswith(_made(environ)):
        deaths = os.open(os.environ["FOLDBACK_DEATHS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(deaths, b"x")
        os.kill(os.getpid(), signal.SIGKILL)
    return body


def _made(environ: dict[str, Any]) -> str:
    """How the status begins when this request did it. Without a key, 200 says that it was done before."""
    return "2" if "HTTP_IDEMPOTENCY_KEY" in environ else "201"
