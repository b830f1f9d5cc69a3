"""The API answers as its OpenAPI description says, whatever it is asked: no 5xx, no undocumented answer.

Requests are made up from the description, half of them as it asks for and half of them not. Most are about records that
are there. Each is undone. FOLDBACK_SEED asks other things than the suite does each day.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as how
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from common import clock
from tests.api.seeded import Handles, public_key
from tests.api.seeded import seed as seed_records
from tests.factories import person, token

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
SEED = int(os.environ.get("FOLDBACK_SEED", "18"))
EXAMPLES = int(os.environ.get("FOLDBACK_EXAMPLES", "3"))  # of each mode, for each operation
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def named(handles: Handles) -> dict[str, Any]:
    """What bodies name, as it is there or may be: what it stands for decides how the service goes on."""
    soon = clock.now() + timedelta(days=2)
    return {
        "owner": "ana", "to": "ana", "commander": "ana", "lead": "ben", "sponsor": "ben", "successor": "cy",
        "team": "payments", "members": ["ana"], "role": "ops", "username": "zoe", "address": "zoe@example.org",
        "hosts": ["web-1"], "selector": "role=web", "environments": ["prod"], "resources": ["file:/etc/motd"],
        "title": "made up", "name": "made-up", "reason": "made up", "text": "made up", "outcome": "made up",
        "note": "made up", "summary": "made up", "description": "made up", "comment": "made up",
        "plan": "do it", "backout": "undo it", "template": "rotate-logs", "incident": handles["incident"][0],
        "findings": handles["finding"][1:], "revision": handles["sha"][0], "roots": ["/etc"],
        "starts_at": soon.isoformat(), "ends_at": (soon + timedelta(hours=2)).isoformat(),
        "timezone": "Europe/Berlin", "rule": "FREQ=WEEKLY", "quick_every": 60, "deep_every": 86_400,
        "public_key": public_key(), "at": (soon - timedelta(days=2)).isoformat(), "verdict": "refuse",
    }  # fmt: skip


@contextmanager
def one_connection() -> Iterator[None]:
    """What is seeded is seen by the requests, and undone: they share the transaction of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def test_whatever_is_asked_is_answered_as_described(settings: Any, tmp_path: Path) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.EVENT_CONSUMERS = {}
    handles = seed_records(settings, tmp_path)
    cy = person("cy")
    headers = {"Authorization": f"Bearer {token(cy, name='made up', role=cy.role)[1]}"}
    words = named(handles)
    told: dict[str, str] = {}
    answers: Counter[int] = Counter()
    asked: list[str] = []
    done: set[str] = set()
    with one_connection():
        api = schemathesis.openapi.from_wsgi("/api/v1/schema/?format=json", get_wsgi_application())
        turn = count()
        for result in api.get_all_operations():
            operation = result.ok()
            asked.append(operation.label)
            meant, not_meant = (cases(operation, mode) for mode in MODES)
            requests = [
                *plain(meant[0], api, handles, words),
                *(point_at(case, handles, words, next(turn)) for case in (*meant, *not_meant)),
            ]
            for case in requests:
                response = ask(case, headers)
                answers[response.status_code] += 1
                done |= {operation.label} if response.status_code < 300 else set()
                told |= complaints(case, headers, response)

    print(dict(sorted(answers.items())))
    print("never done:", [label for label in asked if label not in done])
    assert told == {}, "\n\n".join(f"{what}\n{how}" for what, how in told.items())
    # It reached what is there: much was done, not refused, and nearly every operation has done what it is for.
    assert sum(number for status, number in answers.items() if status < 300) > sum(answers.values()) / 3
    assert len(done) > 0.85 * len(asked)


def ask(case: Any, headers: dict[str, str]) -> Any:
    with transaction.atomic():
        response = case.call(headers=headers)
        transaction.set_rollback(True)
    return response


def complaints(case: Any, headers: dict[str, str], response: Any) -> dict[str, str]:
    """What is wrong with the answer: in short → how it came about."""
    try:
        case.validate_response(response, checks=CHECKS, headers=headers)
    except FailureGroup as failures:
        return {
            f"{case.operation.label}: {type(one).__name__} {response.status_code}": _told(case, one, response)
            for one in failures.exceptions
        }
    return {}


def cases(operation: Any, mode: GenerationMode) -> list[Any]:
    """Requests for an operation; the same ones for the same seed."""
    found: list[Any] = []

    @seed(SEED)
    @how(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def generate(case: Any) -> None:
        found.append(case)

    generate()
    return found


def plain(case: Any, api: Any, handles: Handles, words: dict[str, Any]) -> Iterator[Any]:
    """As somebody asks who means it: of each thing that is there, with what has to be said and little else."""
    schema = (
        case.operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json", {})
    )
    schema = schema.get("schema", {})
    if name := schema.get("$ref", "").rpartition("/")[2]:
        schema = api.raw_schema["components"]["schemas"][name]
    takes = schema.get("properties", {})
    says = {name for name in takes if name in schema.get("required", []) or name in SAID}
    body, given = case.body, case.body if isinstance(case.body, dict) else {}
    if schema:
        body = {
            name: words[name] if name in words else given[name]
            for name in says
            if name in words or name in given
        }
    for index in range(max([len(handles[name]) for name in case.path_parameters or {}] or [1])):
        there = {name: handles[name][index % len(handles[name])] for name in case.path_parameters or {}}
        yield case.operation.Case(path_parameters=there, body=body, media_type=case.media_type)


SAID = {"title", "text", "outcome", "reason", "environment", "roles"}


def point_at(case: Any, handles: Handles, words: dict[str, Any], number: int) -> Any:
    """Three of four are about what is there, and most of these name what is there."""
    if number % 4 == 3:
        return case
    for name in case.path_parameters or {}:
        known = handles[name]
        case.path_parameters[name] = known[number // 4 % len(known)]
    if isinstance(case.body, dict) and number % 4 != 2:
        case.body = {
            name: like(words[name], value) if name in words else value for name, value in case.body.items()
        }
    return case


def like(word: Any, value: Any) -> Any:
    """Some addresses take as a text what others take as a list."""
    return word[0] if isinstance(word, list) and isinstance(value, str) else word


def _told(case: Any, failure: Any, response: Any) -> str:
    body = case.body if isinstance(case.body, dict | list | str | int) else repr(case.body)
    asked = json.dumps({"path": case.path_parameters, "query": case.query, "body": body}, default=repr)
    return f"  asked: {asked[:1500]}\n  {str(failure)[:600]}\n  answered: {response.content[:500]!r}"
