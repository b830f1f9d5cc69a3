"""Whatever people, pushers and scans do in whatever order, some things stay true of findings.

Random walks with a seed that a failure names: edits by hand, pushes, commits to the definition, looks that see all,
a part or nothing, decisions at every stage, hosts that go.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Count

from common import clock
from common.core.errors import FoldbackError
from deployments.core.states import ABSENT, Unknown
from drift.core.lifecycles import ENDED
from drift.models import Decision, Finding, HostState, Occurrence, ResourceVerdict
from drift.services.decisions import withdraw_decision
from drift.services.observations import record_look
from drift.services.waivers import reopen_expired_waivers
from inventory.models import Host
from inventory.services.hosts import decommission_host
from tests.definitions import GitFleet, Repository, path_settings, work
from tests.factories import acting, host
from tests.folding import approve, carry_out, fold, refuse, waive

pytestmark = pytest.mark.django_db

TEXTS = ("one\n", "two\n", "three\n")
PATHS = ("/etc/a", "/etc/b", "/etc/d/undeclared")


class Walk:
    def __init__(self, seed: int, settings: Any, folder: Path) -> None:
        for name, value in path_settings(folder).items():
            setattr(settings, name, value)
        self.random = random.Random(seed)
        self.said: dict[str, str | None] = {"/etc/a": TEXTS[0], "/etc/b": TEXTS[0]}
        self.repository = Repository({"base/resources.yaml": self.manifest()})
        self.fleet = GitFleet(self.repository, [host(f"web-{n}") for n in range(2)])
        self.here = list(self.fleet.hosts)
        self.fleet.look()

    def manifest(self) -> str:
        files = [f"  {path}: {{content: {text!r}}}" for path, text in self.said.items() if text]
        lines = (["files:", *files] if files else []) + ["directories:", "  /etc/d: {exhaustive: true}"]
        return "\n".join(lines).replace("'", '"') + "\n"

    def steps(self) -> list[Callable[[], object]]:
        decisions = [self.fold, self.waive, self.approve, self.refuse, self.withdraw, self.expire]
        rarely = [
            self.push,
            self.define,
            self.blind_look,
            self.partial_look,
            self.old_look,
            self.decommission,
        ]
        return [*[self.look] * 5, *[self.edit] * 3, *[carry_out] * 2, *decisions, *rarely]

    def edit(self) -> None:
        live, path = self.fleet.live[self.random.choice(self.here)], self.random.choice(PATHS)
        live[path] = self.random.choice([*TEXTS, ABSENT])
        if live[path] is ABSENT and path == PATHS[-1]:
            del live[path]

    def push(self) -> None:
        self.fleet.read_head()
        self.fleet.push(self.random.choice(self.here))

    def define(self) -> None:
        """Somebody commits something, often what a host has already."""
        path, live = self.random.choice(PATHS), self.fleet.live[self.random.choice(self.here)]
        texts = [text for text in (live.get(path), *TEXTS, None) if text is None or isinstance(text, str)]
        self.said[path] = self.random.choice([*texts, *texts[:1] * 3])
        if self.repository.text("base/resources.yaml") != self.manifest():
            self.repository.commit({"base/resources.yaml": self.manifest()})

    def look(self) -> None:
        self.fleet.read_head()
        self.fleet.look(self.random.choice(self.here))

    def _record(self, **changes: Any) -> None:
        self.fleet.read_head()
        name = self.random.choice(self.here)
        scan, claim = self.fleet.claim(name)
        self.fleet.now += timedelta(minutes=1)
        look = replace(self.fleet.shown(name), **changes)
        if changes.get("status") == "partial":
            states = {resource: Unknown("denied") for resource in look.observation.states}
            observation = replace(look.observation, states=states, listed={"/etc/d": "over limit"})
            look = replace(look, observation=observation)
        record_look(claim=claim, scan=scan, look=look, against=self.fleet.against(name))

    def blind_look(self) -> None:
        before = self.known()
        self._record(status="unknown", reason="timed out")
        assert self.known() == before, "a look that saw nothing changed something"

    def old_look(self) -> None:
        before = self.known()
        self._record(started_at=self.fleet.now - timedelta(days=1))
        assert self.known() == before, "an old look changed something"

    def partial_look(self) -> None:
        open_before = dict(Occurrence.objects.filter(ended_at=None).values_list("pk", "finding__state"))
        self._record(status="partial", reason="denied")
        for occurrence in Occurrence.objects.filter(pk__in=open_before).exclude(ended_at=None):
            assert occurrence.ended_as == "unmanaged", "an unknown ended an occurrence"

    def known(self) -> list[Any]:
        return [
            list(Finding.objects.order_by("pk").values_list("pk", "state")),
            list(Occurrence.objects.order_by("pk").values_list("pk", "ended_as", "verdict", "last_seen_at")),
            list(HostState.objects.order_by("pk").values_list("pk", "base", "observed", "observed_at")),
            list(ResourceVerdict.objects.order_by("pk").values_list("host", "resource", "verdict")),
        ]

    def fold(self) -> None:
        if found := list(Finding.objects.filter(state="open").order_by("number")):
            fold(self.random.choice(found))

    def waive(self) -> None:
        if found := list(Finding.objects.filter(state="open").order_by("number")):
            waive(self.random.choice(found), until=clock.now() + timedelta(days=1))

    def _decision(self, *states: str) -> Decision | None:
        found = list(Decision.objects.filter(change__state__in=states).order_by("number"))
        return self.random.choice(found) if found else None

    def approve(self) -> None:
        if decision := self._decision("proposed"):
            approve(decision)

    def refuse(self) -> None:
        if decision := self._decision("proposed"):
            refuse(decision)

    def withdraw(self) -> None:
        if decision := self._decision("proposed", "approved"):
            withdraw_decision(actor=acting("cy"), decision=decision)

    def expire(self) -> None:
        reopen_expired_waivers(now=clock.now() + timedelta(days=2))

    def decommission(self) -> None:
        if len(self.here) > 1 and self.random.random() < 0.2:
            name = self.here.pop(self.random.randrange(len(self.here)))
            decommission_host(actor=acting("cy"), host=Host.objects.get(name=name))


def hold(walk: Walk) -> None:
    """What must be true between any two steps."""
    open_now = Occurrence.objects.filter(ended_at=None)
    twice = open_now.values("host", "finding__resource").annotate(n=Count("pk")).filter(n__gt=1)
    assert not twice, "two open occurrences of one resource on one host"
    assert not open_now.exclude(host__name__in=walk.here), "an open occurrence on a host that is gone"
    for finding in Finding.objects.all():
        has_open = finding.occurrences.filter(ended_at=None).exists()
        assert (finding.state in ENDED) != has_open, f"{finding} is {finding.state}, open: {has_open}"
        latest = finding.decisions.order_by("-number").select_related("change").first()
        carried = latest.change.state if latest else None
        match finding.state:
            case "decided":
                assert carried == "proposed", finding
            case "approved":
                assert carried == "approved", finding
            case "waived":
                assert carried == "completed", finding
            case "committed":
                assert latest is not None and latest.commit, finding
    for decision in Decision.objects.filter(change__state="proposed"):
        assert decision.findings.filter(state="decided").exists(), f"{decision} waits for nothing"
    for verdict in ResourceVerdict.objects.filter(verdict__in=("drifted", "conflict")):
        assert open_now.filter(host=verdict.host, finding__resource=verdict.resource).exists(), verdict


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_findings_stay_true(seed: int, settings: Any, tmp_path: Path) -> None:
    walk = Walk(seed, settings, tmp_path)
    for _ in range(60):
        with suppress(FoldbackError):  # refused with a reason, which is an answer
            walk.random.choice(walk.steps())()
        work("move-base")
        hold(walk)
