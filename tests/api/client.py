"""A caller of the API, as one of the cast or as a program: JSON in, JSON out."""

import json
from typing import Any

from django.test import Client

from common.models import Person
from tests.factories import person, token

JSON = "application/json"
PROBLEM = "application/problem+json"


class Caller:
    """`Caller.person("ana")`, `Caller.program("ana")`, or `Caller(None)` for nobody in particular."""

    def __init__(self, text: str | None) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {text}"} if text is not None else {}

    @classmethod
    def person(cls, who: Person | str) -> "Caller":
        who = person(who) if isinstance(who, str) else who
        return cls(token(who, role=who.role)[1])

    @classmethod
    def program(cls, sponsor: Person | str = "ana", **more: Any) -> "Caller":
        return cls(token(sponsor, **more)[1])

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def send(
        self, method: str, path: str, body: Any = None, *, content_type: str = JSON, **headers: str
    ) -> Any:
        """`headers` are written with underscores: `If_Match=etag`. Bytes are sent as they are."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.generic(
            method, f"/api/v1/{path}", data, content_type=content_type, headers=self.headers | named
        )


def problem(response: Any, status: int) -> dict[str, Any]:
    """The body of a problem answer, held to RFC 9457 and to what we promise beside it."""
    assert response.status_code == status, (response.status_code, response.content[:500])
    assert response.headers["Content-Type"] == PROBLEM
    body: dict[str, Any] = response.json()
    assert set(body) - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    assert body["status"] == status
    assert body["type"].startswith("/api/v1/problems/#")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["X-Request-Id"]
    for error in body.get("errors", []):
        assert set(error) == {"pointer", "detail"}
        assert error["pointer"][:1] in ("", "/", "?")
    return body
