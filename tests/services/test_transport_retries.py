"""Connections that an overloaded server drops are made again, against OpenSSH's own `MaxStartups`."""

import random
from pathlib import Path

import pytest

from deployments.collector.protocol import Question
from deployments.collector.reasons import code_of
from drift.core.retries import NEVER, Retries
from drift.scanner import HostResult, Scan, Target, run, scan_targets
from tests.sshd import Sshd, running_sshd

pytestmark = pytest.mark.needs("sshd")

QUESTION = Question.of(["file:/etc/passwd"])


def looks(server: Sshd, retries: Retries, **options: object) -> list[HostResult]:
    """Twenty hosts at once, all of them this server."""
    results: list[HostResult] = []
    scan = Scan(
        lambda target: server.transport(**options),
        lambda: "n0123456789abcdef",
        lambda: 0.0,
        retries=retries,
        chance=random.random,
    )
    targets = [Target(f"h{number}", QUESTION) for number in range(20)]
    run(scan_targets(targets, scan, on_result=results.append, concurrency=20))
    return results


def test_twenty_logins_at_once_all_succeed_where_two_may_be_under_way(tmp_path: Path) -> None:
    with running_sshd(tmp_path, "MaxStartups 2:100:2", "LogLevel DEBUG1") as server:
        at_first = looks(server, NEVER)
        dropped = {code_of(result.reason) for result in at_first if result.reason}
        assert dropped == {"connection lost"}, "or this test proves nothing"
        assert [result.reason for result in looks(server, Retries())] == [None] * 20


def test_who_may_not_log_in_is_told_at_once_and_asked_once(tmp_path: Path) -> None:
    with running_sshd(tmp_path, "MaxStartups 100", "LogLevel VERBOSE") as server:
        results = looks(server, Retries(), user="nobody-at-all")
        assert {code_of(result.reason or "") for result in results} == {"authentication failed"}
        assert server.log.read_text(errors="replace").count("Invalid user ") == 20
