"""Who it probably was: kept with the occurrence when the host was asked, put together over hosts, never invented."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deployments.traces.base import Trace, Traces
from drift.models import Occurrence
from drift.queries.candidates import attribution_of
from drift.services.moved import moved_since_last_look
from drift.services.observations import record_look
from inventory.models import Host
from tests.factories import host as make_host
from tests.factories import person as make_person
from tests.looks import Fleet, only_finding

pytestmark = pytest.mark.django_db
FILES = {"base/resources.yaml": 'files:\n  /etc/motd: {content: "hello\\n", mode: "0644"}\n'}


def fleet(*names: str) -> Fleet:
    hosts = [make_host(name=name) for name in names]
    found = Fleet(FILES, hosts)
    found.look()
    for name in names:
        found.live[name]["/etc/motd"] = "changed\n"
    return found


def look(found: Fleet, traces: Traces | None) -> None:
    scan, claim = found.claim()
    for name in found.hosts:
        shown = found.shown(name)
        observation = replace(shown.observation, traces=traces)
        record_look(
            claim=claim, scan=scan, look=replace(shown, observation=observation), against=found.against(name)
        )


def command(found: Fleet, login: str, text: str) -> Traces:
    at = found.now.timestamp() - 1
    return Traces(
        (Trace("journal", "command", login, at, None, text),), {"journal": "read", "audit": "denied"}, 0.0
    )


def test_the_account_whose_command_names_the_file_is_the_candidate_on_every_host() -> None:
    found = fleet("web-1", "web-2")
    ana = make_person(username="ana")
    look(found, command(found, "ana", "sudo vi /etc/motd"))
    who = attribution_of(only_finding())
    (row,) = who.candidates
    assert (row.login, row.person, row.confidence, row.hosts) == ("ana", ana, "high", 2)
    assert row.evidence == [("web-1", "journal: sudo vi /etc/motd"), ("web-2", "journal: sudo vi /etc/motd")]
    assert (who.read, who.denied) == (["journal"], ["audit log"])


def test_an_account_that_nobody_has_here_is_still_named() -> None:
    found = fleet("web-1")
    look(found, command(found, "contractor", "sudo vi /etc/motd"))
    assert [(row.login, row.person) for row in attribution_of(only_finding()).candidates] == [
        ("contractor", None)
    ]


def test_without_evidence_it_is_unknown() -> None:
    found = fleet("web-1")
    look(found, Traces((), {"journal": "read"}, 0.0))
    who = attribution_of(only_finding())
    assert who.is_unknown and who.asked == 1


def test_a_later_look_that_did_not_ask_keeps_what_is_known() -> None:
    found = fleet("web-1")
    look(found, command(found, "ana", "sudo vi /etc/motd"))
    before = Occurrence.objects.get().attribution
    look(found, None)
    assert Occurrence.objects.get().attribution == before != {}


def test_who_was_at_work_since_is_not_named_for_what_was_found_before() -> None:
    found = fleet("web-1")
    look(found, command(found, "ana", "sudo vi /etc/motd"))
    found.now += timedelta(hours=1)
    look(found, command(found, "ben", "sudo cat /etc/motd"))
    assert [row.login for row in attribution_of(only_finding()).candidates] == ["ana"]
    assert Occurrence.objects.get().last_seen_at == found.now


def test_a_candidate_is_not_an_owner() -> None:
    found = fleet("web-1")
    make_person(username="ana")
    look(found, command(found, "ana", "sudo vi /etc/motd"))
    assert only_finding().claimed_by is None


def test_a_host_that_is_as_it_was_is_not_asked_who_was_there() -> None:
    found = fleet("web-1")
    look(found, None)
    host = Host.objects.get()
    moved = moved_since_last_look([host])[host.pk]
    states = found.shown("web-1").observation.states
    assert not moved(states)
    assert moved({**states, "package:htop": next(iter(states.values()))})
    assert moved({})


def test_a_host_that_was_never_looked_at_is_asked() -> None:
    host = make_host(name="new")
    assert moved_since_last_look([host])[host.pk]({})
