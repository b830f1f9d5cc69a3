"""Whatever happens to a host, a quick scan says of it what a deep one says.

Random walks with a seed that a failure names. Each host has a twin to which the same happens: one is scanned quickly,
the other deeply.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from common import clock
from common.core.errors import FoldbackError
from deployments.core.states import to_json
from deployments.services.deployments import report_deployment
from drift.models import Decision, Finding, HostState, Occurrence, ResourceVerdict, ScanHost
from drift.services.decisions import withdraw_decision
from drift.services.manifests import load_states
from drift.services.waivers import reopen_expired_waivers
from inventory.models import Host
from inventory.services.host_life import mark_reimaged
from inventory.services.hosts import update_host
from tests.definitions import Repository, path_settings, work
from tests.factories import acting, host
from tests.folding import approve, carry_out, fold, refuse, waive
from tests.quick_fleet import QuickFleet

pytestmark = pytest.mark.django_db

TEXTS = ("one\n", "two\n", "three\n")
PATHS = ("/etc/a", "/etc/b", "/etc/d/undeclared", "/srv/watched/w")
VERSIONS = ("1.22", "1.24", None)
PAIRS = 2


class Walk:
    def __init__(self, seed: int, settings: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in path_settings(folder).items():
            setattr(settings, name, value)
        self.random = random.Random(seed)
        self.said: dict[str, str | None] = {"/etc/a": TEXTS[0], "/etc/b": TEXTS[0]}
        self.version: str | None = "1.22"
        self.watched = ["packages", "/srv/watched"]
        self.repository = Repository(
            {
                "definition.yaml": self.definition(),
                "base/resources.yaml": self.manifest(),
                "base/templates/app.j2": "limit {{ limit|default(10) }} {{ facts.kernel|default('') }}\n",
            }
        )
        names = [f"{kind}-{number}" for kind in ("quick", "deep") for number in range(PAIRS)]
        self.fleet = QuickFleet(monkeypatch, [host(name) for name in names])
        for name in names:
            self.fleet.fakes[name].nodes[b"/srv/watched"] = self.fleet.fakes[name].nodes[b"/etc/d"]
            for path in self.said:
                self.fleet.write(name, path, TEXTS[0])
            self.fleet.write(name, "/etc/app", "limit 10 Linux 6.1\n")
        self.scan()

    def definition(self) -> str:
        return "format: 1\nwatched: [" + ", ".join(self.watched) + "]\n"

    def manifest(self) -> str:
        files = [f"  {path}: {{content: {text!r}}}" for path, text in self.said.items() if text]
        version = [f'packages:\n  nginx: {{version: "{self.version}"}}'] if self.version else []
        lines = ["files:", *files, "  /etc/app: {template: app.j2}", *version]
        return "\n".join([*lines, "directories:", "  /etc/d: {exhaustive: true}"]).replace("'", '"') + "\n"

    def steps(self) -> list[Callable[[int], object]]:
        often = [self.edit, self.edit, self.edit, self.package, self.touch, self.nothing]
        decisions = [self.fold, self.waive, self.approve, self.refuse, self.withdraw, self.expire]
        rarely = [
            self.define,
            self.watch,
            self.push,
            self.report,
            self.vary,
            self.deny,
            self.hide,
            self.reimage,
        ]
        return [*often * 2, *decisions, *rarely]

    def pair(self, number: int) -> tuple[str, str]:
        return f"quick-{number}", f"deep-{number}"

    def step(self) -> str:
        chosen = self.random.choice(self.steps())
        number = self.random.randrange(PAIRS)
        with suppress(FoldbackError):
            chosen(number)
        work("move-base")
        return f"{chosen.__name__} {number}"

    def scan(self) -> None:
        """Both at once as far as the rest of the world is concerned; the order is the walk's."""
        modes = ["quick", "deep"]
        self.random.shuffle(modes)
        for mode in modes:
            self.fleet.scan(" ".join(f"name={mode}-{number}" for number in range(PAIRS)), mode=mode)
        if self.random.random() < 0.5:
            self.fleet.away.clear()

    def nothing(self, number: int) -> None:
        pass

    def edit(self, number: int) -> None:
        path, text = self.random.choice(PATHS), self.random.choice([*TEXTS, None])
        for name in self.pair(number):
            self.fleet.write(name, path, text)

    def touch(self, number: int) -> None:
        path = self.random.choice(PATHS)
        for name in self.pair(number):
            if (node := self.fleet.fakes[name].nodes.get(path.encode())) is not None:
                self.fleet.write(name, path, node.content.decode())

    def package(self, number: int) -> None:
        package, version = self.random.choice(["nginx", "vim"]), self.random.choice(VERSIONS)
        for name in self.pair(number):
            self.fleet.install(name, **{package: version})

    def define(self, number: int) -> None:
        """Somebody commits something, often what a host has already."""
        path = self.random.choice(PATHS[:3])
        live = self.fleet.fakes[f"quick-{number}"].nodes.get(path.encode())
        self.said[path] = self.random.choice([*TEXTS, None, live.content.decode() if live else None])
        self.version = self.random.choice(VERSIONS)
        if self.repository.text("base/resources.yaml") != self.manifest():
            self.repository.commit({"base/resources.yaml": self.manifest()})

    def watch(self, number: int) -> None:
        self.watched = self.random.choice([["packages", "/srv/watched"], ["/srv/watched"], ["packages"], []])
        if self.repository.text("definition.yaml") != self.definition():
            self.repository.commit({"definition.yaml": self.definition()})

    def push(self, number: int) -> None:
        for name in self.pair(number):
            for path, text in self.said.items():
                self.fleet.write(name, path, text)
            self.fleet.install(name, nginx=self.version)

    def report(self, number: int) -> None:
        """Somebody says that the head was pushed, which may not be so."""
        report_deployment(
            actor=acting("ben"),
            revision=self.repository.head,
            hosts=list(self.pair(number)),
            deployed_at=clock.now(),
        )

    def vary(self, number: int) -> None:
        limit = self.random.choice([10, 20])
        for name in self.pair(number):
            changes = {"variables": {"limit": limit}}
            update_host(actor=acting("ben"), host=Host.objects.get(name=name), changes=changes)

    def deny(self, number: int) -> None:
        path = self.random.choice(PATHS[:2]).encode()
        for name in self.pair(number):
            self.fleet.fakes[name].denied ^= {path}

    def hide(self, number: int) -> None:
        """They can't be reached for a scan or two."""
        for name in self.pair(number):
            self.fleet.away[name] = "authentication failed"

    def reimage(self, number: int) -> None:
        for name in self.pair(number):
            mark_reimaged(actor=acting("cy"), host=Host.objects.get(name=name))
        work()

    def fold(self, number: int) -> None:
        if found := list(Finding.objects.filter(state="open").order_by("number")):
            fold(self.random.choice(found))

    def waive(self, number: int) -> None:
        if found := list(Finding.objects.filter(state="open").order_by("number")):
            waive(self.random.choice(found), until=clock.now())

    def _decision(self, *states: str) -> Decision | None:
        found = list(Decision.objects.filter(change__state__in=states).order_by("number"))
        return self.random.choice(found) if found else None

    def approve(self, number: int) -> None:
        if decision := self._decision("proposed"):
            approve(decision)
            carry_out()

    def refuse(self, number: int) -> None:
        if decision := self._decision("proposed"):
            refuse(decision)

    def withdraw(self, number: int) -> None:
        if decision := self._decision("proposed", "approved"):
            withdraw_decision(actor=acting("cy"), decision=decision)

    def expire(self, number: int) -> None:
        reopen_expired_waivers(now=clock.now())

    def told(self, name: str) -> dict[str, Any]:
        """What the database says of a host, times left out."""
        state = HostState.objects.select_related("base", "observed").get(host__name=name)
        look = ScanHost.objects.filter(host__name=name).order_by("-created_at").first()
        assert look is not None
        occurrences = Occurrence.objects.filter(host__name=name).select_related("finding")
        return {
            "state": (state.status, state.reason, state.counts, state.revision),
            "last": (look.status, look.reason, look.counts),
            "seen now": state.observed_at == state.tried_at,
            "base": _states(state.base),
            "observed": _states(state.observed),
            "verdicts": set(
                ResourceVerdict.objects.filter(host__name=name).values_list("resource", "verdict", "reason")
            ),
            "occurrences": {
                str(row.finding): (
                    row.verdict, row.ended_as, row.ended_at is None, row.life, str(row.base), str(row.head),
                    str(row.live), str(row.attributes), row.redactions, row.watched,
                    row.last_seen_at == state.observed_at,
                )
                for row in occurrences
            },
        }  # fmt: skip


def _states(manifest: Any) -> dict[str, Any]:
    return {name: to_json(state) for name, state in (load_states(manifest) or {}).items()}


def unlike(quick: Any, deep: Any, where: str = "") -> list[str]:
    """What differs, and where."""
    if not (isinstance(quick, dict) and isinstance(deep, dict)):
        return [] if quick == deep else [f"{where}: quick {quick}, deep {deep}"]
    names = sorted(quick.keys() | deep.keys())
    return [text for name in names for text in unlike(quick.get(name), deep.get(name), f"{where} {name}")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_quick_scan_says_what_a_deep_one_says(
    seed: int, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Walk(seed, settings, tmp_path, monkeypatch)
    history: list[str] = []
    for _ in range(25):
        history += [walk.step() for _ in range(walk.random.choice([0, 1, 1, 2]))]
        walk.scan()
        history.append("scan")
        for number in range(PAIRS):
            quick, deep = walk.pair(number)
            differs = unlike(walk.told(quick), walk.told(deep))
            assert not differs, (differs, history)
    assert ScanHost.objects.filter(unmoved=True).count() >= 10, "hardly anything was told from memory"
