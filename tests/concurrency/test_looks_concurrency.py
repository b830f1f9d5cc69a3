"""Looks at two hosts recorded at once, with findings that both have: they wait for each other in one order."""

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from drift.models import Occurrence
from drift.services import findings
from drift.services.observations import record_look
from tests.factories import host, in_threads
from tests.looks import Fleet

pytestmark = pytest.mark.django_db(transaction=True)

FILES = {
    "base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n"}\n  /etc/issue: {content: "hello\\n"}\n'
}


def test_hosts_that_meet_each_others_findings_do_not_wait_for_each_other_in_a_circle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = Fleet(FILES, [host("web-1"), host("web-2"), host("web-3")])
    fleet.look()
    # web-3 has both already, so that no row that the two looks would write is new.
    for name, path in (("web-1", "motd"), ("web-2", "issue"), ("web-3", "motd"), ("web-3", "issue")):
        fleet.live[name][f"/etc/{path}"] = "bye\n"
    fleet.look()
    fleet.live["web-1"]["/etc/issue"] = fleet.live["web-2"]["/etc/motd"] = "bye\n"
    fleet.now += timedelta(minutes=1)
    held = [(*fleet.claim(name), fleet.shown(name), fleet.against(name)) for name in ("web-1", "web-2")]

    see, together = findings.see_fresh, threading.Barrier(2)

    def see_after_both_hold_what_they_had(*args: Any) -> Any:
        """In the right order the second look can't come as far as this before the first is recorded."""
        with suppress(threading.BrokenBarrierError):
            together.wait(1)
        return see(*args)

    monkeypatch.setattr(findings, "see_fresh", see_after_both_hold_what_they_had)
    results = in_threads(
        *[
            lambda held=held: record_look(scan=held[0], claim=held[1], look=held[2], against=held[3])
            for held in held
        ]
    )
    assert results == [None, None]
    assert Occurrence.objects.filter(ended_at=None).count() == 6
