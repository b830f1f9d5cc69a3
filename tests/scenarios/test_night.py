"""A night at three: an incident on real hosts, told through the `foldback` command, with the service stopped half-way.

The journal (`DEEDS`) is the truth: what was done by hand, by whom, and whether and how they said so. In the morning
each deed has exactly one record, and that has an owner; whatever nobody said was drafted when the incident was closed.
"""

import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db.models import QuerySet

from changemgmt.models import Change, Incident
from common.models import LedgerEntry
from drift.models import DraftedChange, Explanation, Finding
from tests.cli.command import Shell
from tests.factories import token
from tests.hosts.fleet import RealFleet
from tests.scenarios.outage import build
from tests.scenarios.stack import Stack, wait_until
from tests.scenarios.test_real_hosts import PEOPLE, adopt, begin, look

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("definition_path")]

HOSTS = ("web-1", "web-2", "web-3", "db-1")
SCOPE = HOSTS[:3]
SERVICE = ("web", "worker", "relay", "valkey")
DONE, KEPT = 0, 5
RESTARTED = "restarted nginx"
"""Said of web-1 and of no resource, where two silent deeds were done as well: neither may be lost behind it."""
NOBODY = ""


@dataclass(frozen=True)
class Deed:
    """`done` by `login` on each of `hosts`; `told` is the title of the record, empty where nobody said anything."""

    login: str
    hosts: tuple[str, ...]
    resource: str
    done: str
    told: str = NOBODY

    @property
    def where(self) -> list[str]:
        """As the command is told what changed: a file by its path."""
        kind, _, name = self.resource.partition(":")
        what = ["--file", name] if kind == "file" else ["--resource", self.resource]
        return ["--on", ",".join(self.hosts), *what]


def sed(path: str, was: str, now: str) -> str:
    return f"sudo sed -i 's/{was}/{now}/' {path}"


SHOP, NGINX, SITE = "/etc/shop/shop.conf", "/etc/nginx/nginx.conf", "/etc/nginx/conf.d/shop.conf"
# While Foldback is up.
RAISED = Deed(
    "ana",
    SCOPE,
    f"file:{NGINX}",
    sed(NGINX, "worker_connections 768", "worker_connections 4096"),
    "raised worker_connections to 4096",
)
QUEUE = Deed(
    "ben",
    ("web-2",),
    "sysctl:net.core.somaxconn",
    "sudo sysctl -w net.core.somaxconn=16384",
    "a longer accept queue",
)
POOL = Deed("ben", ("web-1",), f"file:{SHOP}", sed(SHOP, "pool = 10", "pool = 20"))
ELSEWHERE = Deed(
    "ana",
    ("db-1",),
    f"file:{SHOP}",
    sed(SHOP, "pool = 10", "pool = 80"),
    "a larger pool on the database host",
)
# Told in the moment in which Foldback is killed.
WHILE_KILLED = (
    Deed(
        "ana", ("web-1",), "symlink:/etc/shop/current", "sudo ln -sfn /srv/shop/releases/2 /etc/shop/current",
        "went to release 2 on web-1",
    ),
    Deed("ana", ("web-2",), f"file:{SITE}", sed(SITE, "timeout 65", "timeout 5"), "shorter keep-alive on web-2"),
    Deed(
        "ben", ("web-3",), "file:/etc/shop/conf.d/limits.conf",
        "echo 'files = 65536' | sudo tee /etc/shop/conf.d/limits.conf", "more open files on web-3",
    ),
)  # fmt: skip
# While it is down.
RETRIES = Deed(
    "ana", ("web-1", "web-3"), "service:cron", "sudo systemctl stop cron", "stopped cron on two hosts"
)
TREE = Deed(
    "ana", ("web-1",), "package:tree", "sudo apt-get install -y tree", "installed tree, to see what is there"
)
OLD = Deed("ben", ("web-1",), "file:/etc/shop/old.conf", "sudo rm /etc/shop/old.conf")
# Ben's laptop sleeps until the morning: he says it now, and it arrives when the incident is over.
LATE = Deed(
    "ben", ("web-3",), f"file:{SHOP}", sed(SHOP, "timeout = 30", "timeout = 5"), "shorter timeouts on web-3"
)
# When it is up again.
HELD = Deed("ana", ("web-3",), "package:nginx-light", "sudo apt-mark hold nginx-light")

DEEDS = (RAISED, QUEUE, POOL, ELSEWHERE, *WHILE_KILLED, RETRIES, TREE, OLD, LATE, HELD)
SILENT = (POOL, OLD, HELD)


@dataclass
class Night:
    """Who is awake: a shell each, with a spool of its own, and the real hosts."""

    fleet: RealFleet
    stack: Stack
    shells: Mapping[str, Shell]
    begun: list[Deed] = field(default_factory=list)

    def act(self, deed: Deed) -> None:
        """By SSH and sudo, as a person does it; nobody says anything."""
        for host in deed.hosts:
            self.fleet[host].as_person(deed.login, deed.done)
        self.begun.append(deed)

    def say(self, deed: Deed, *more: str) -> int:
        """`foldback log`: its exit code."""
        return self.shells[deed.login]("log", deed.told, *deed.where, *more).returncode

    def fix(self, deed: Deed) -> tuple[int, str]:
        """`foldback fix -- ssh …`: done and said in one; (exit code, what it said of the record)."""
        [host] = deed.hosts
        ssh = ["ssh", "-F", str(self.fleet.yard.slot.folder / "ssh_config"), "-tt", f"{deed.login}@{host}"]
        done = self.shells[deed.login]("fix", "--title", deed.told, *deed.where, "--", *ssh, deed.done)
        self.begun.append(deed)
        return done.returncode, done.stdout + done.stderr


def test_after_a_night_with_the_service_down_every_deed_has_one_record_and_an_owner(
    real_fleet: Callable[..., RealFleet], stack: Stack, tmp_path: Path
) -> None:
    fleet = real_fleet(*HOSTS)
    build(fleet.machines)
    ana, ben, cy = begin(stack)
    fleet.register_over_rest(cy)
    adopt(ana, ben, hosts=len(HOSTS))
    assert look(ana)["counts"]["hosts"]["ok"] == len(HOSTS)
    shells = {
        name: Shell(tmp_path / name, stack.url, token(name, name=f"{name}-laptop", role=role)[1])
        for name, role in PEOPLE[:2]
    }
    night = Night(fleet, stack, shells)

    incident = open_incident(night)
    with_foldback_up(night)
    as_it_is_killed(night)
    with_foldback_down(night)
    as_it_comes_back(night, incident)
    assert set(night.begun) == set(DEEDS)
    untold = close_it(night, incident)
    the_rest_is_drafted(incident, untold)
    in_the_morning(night, untold)
    look(ana)  # and whoever looks again finds nothing new to write down
    each_deed_has_one_record(incident)
    what_was_kept_says_when(night)


def open_incident(night: Night) -> str:
    said = night.shells["ana"](
        "incident", "open", "checkout is down", "--on", "role=web", "--severity", "critical"
    )
    assert said.returncode == DONE, said
    reference = re.match(r"INC-\d+", said.stdout)
    assert reference is not None, said
    return reference[0]


def with_foldback_up(night: Night) -> None:
    night.act(RAISED)
    assert night.say(RAISED) == DONE
    code, said = night.fix(QUEUE)
    assert code == DONE and "CHG-" in said, said
    night.act(POOL)
    night.fleet["web-1"].as_person("ben", "sudo systemctl restart nginx")
    assert night.shells["ben"]("log", RESTARTED, "--on", "web-1").returncode == DONE
    night.act(ELSEWHERE)
    assert night.say(ELSEWHERE) == DONE
    assert night.shells["ben"]("incident", "note", "connections ran out at 02:58").returncode == DONE


def as_it_is_killed(night: Night) -> None:
    """Foldback dies while three people's commands are on their way: whether it has them, nobody knows."""
    for deed in WHILE_KILLED:
        night.act(deed)
    saying = [night.shells[deed.login].start("log", deed.told, *deed.where) for deed in WHILE_KILLED]
    kept = night.shells["ana"].spool
    wait_until(lambda: list(kept.glob("*.json")) or saying[0].poll() is not None, what="a command under way")
    for name in SERVICE:
        night.stack.kill(name, signal.SIGKILL)
    for process in saying:
        said, trouble = process.communicate(timeout=60)
        assert process.returncode in (DONE, KEPT), (said, trouble)


def with_foldback_down(night: Night) -> None:
    night.act(RETRIES)
    # She is not sure that it took: said twice under one name, it is one record.
    assert [night.say(RETRIES, "--external-id", "cron-on-two") for _ in range(2)] == [KEPT, KEPT]
    code, said = night.fix(TREE)
    assert code == DONE and "Kept for later" in said, said
    night.act(OLD)
    night.act(LATE)
    assert night.say(LATE) == KEPT


def as_it_comes_back(night: Night, incident: str) -> None:
    """Two of Ana's commands deliver at once; Ben's laptop is shut."""
    night.stack.start("valkey", "web", "worker", "relay")
    waiting = len(night.shells["ana"].waiting())
    assert waiting >= 3, "what was said while it was down was not kept"
    both = [night.shells["ana"].start("sync") for _ in range(2)]
    for process in both:
        said, trouble = process.communicate(timeout=60)
        assert process.returncode in (DONE, KEPT), (said, trouble)
    assert night.shells["ana"]("sync").returncode == DONE
    assert night.shells["ana"].waiting() == []
    night.act(HELD)
    told = night.shells["ana"]("incident", "show", incident)
    assert told.returncode == DONE and RETRIES.told in told.stdout, told


def close_it(night: Night, incident: str) -> list[Deed]:
    """Over: its scope is looked at, and what nobody has told of is drafted. Returns the deeds that nobody has.

    What Ben told waits on his laptop still, and so looks like nobody's.
    """
    said = night.shells["ana"]("incident", "close", incident, "nginx had run out of connections")
    assert said.returncode == DONE, said
    here = set(Change.objects.values_list("title", flat=True))
    untold = [deed for deed in DEEDS if deed.told not in here]
    assert LATE in untold and set(SILENT) < set(untold)
    wait_until(DraftedChange.objects.exists, seconds=120, what="what nobody told of")
    return untold


def the_rest_is_drafted(incident: str, untold: Sequence[Deed]) -> None:
    """One for each, the commander's until somebody says that it was them, at a time within the incident."""
    assert sorted(map(about, standing(state="drafted"))) == sorted(
        (list(d.hosts), d.resource) for d in untold
    )
    closed = Incident.objects.get()
    assert closed.closed_at is not None
    for change in standing(state="drafted"):
        assert (change.owner.username, change.owner_source) == ("ana", "commander"), change.title
        assert str(change.incident) == incident
        assert closed.started_at <= change.happened_at <= closed.closed_at
        assert change.due_at is not None


def in_the_morning(night: Night, untold: Sequence[Deed]) -> None:
    """Ben's laptop wakes up; then both look at what was drafted, and say which of it was theirs."""
    assert night.shells["ben"]("sync").returncode == DONE
    told = [deed for deed in untold if deed.told]
    wait_until(
        lambda: all(len(records_of(deed)) == 1 for deed in told), what="a draft to make way for what Ben told"
    )
    for deed in SILENT:
        [draft] = records_of(deed)
        claimed = night.shells[deed.login]("claim", draft.reference)
        assert claimed.returncode == DONE, claimed
    wait_until(
        lambda: not standing(state="drafted").exists() and len(unexplained()) == 0,
        what="what explains each finding",
    )


def each_deed_has_one_record(incident: str) -> None:
    for deed in DEEDS:
        [record] = records_of(deed)
        assert record.owner.username == deed.login, deed
        assert record.title == deed.told or record.pk in DraftedChange.objects.values_list(
            "change", flat=True
        )
        assert (record.incident.reference if record.incident else None) == (
            incident if set(deed.hosts) <= set(SCOPE) else None
        ), deed
        entries = LedgerEntry.objects.filter(subject_id=record.pk).values_list("action", flat=True)
        assert list(entries).count("change.logged" if record.title == deed.told else "change.drafted") == 1
    assert standing().count() == len(DEEDS), [str(change) for change in standing()]
    # And each is what explains the one finding that came of it.
    found = {finding.reference: finding for finding in Finding.objects.filter(state="open")}
    assert len(found) == len(DEEDS), sorted(finding.resource for finding in found.values())
    for finding in found.values():
        explained = explaining().filter(finding=finding)
        assert explained.count() == 1, (finding.resource, [str(one.change) for one in explained])
    assert Change.objects.filter(title=RESTARTED).count() == 1


def what_was_kept_says_when(night: Night) -> None:
    """Both times: when it happened, and when Foldback came to know of it."""
    closed = Incident.objects.get()
    assert closed.closed_at is not None
    [late] = records_of(LATE)
    assert closed.started_at < late.happened_at < closed.closed_at < late.created_at


def standing(**fields: object) -> QuerySet[Change]:
    """Records of what was done; what a draft gave way to is none any more."""
    found = Change.objects.filter(**fields).exclude(state="withdrawn").exclude(kind="decision")
    return found.exclude(title=RESTARTED).select_related("owner", "incident")


def records_of(deed: Deed) -> list[Change]:
    """Every record that stands of it: what somebody said, or what was drafted."""
    return list(standing(hosts=sorted(deed.hosts), resources=[deed.resource]))


def about(change: Change) -> tuple[list[str], str]:
    [resource] = change.resources
    return change.hosts, resource


def unexplained() -> list[str]:
    explained = explaining().values("finding")
    return list(
        Finding.objects.filter(state="open").exclude(pk__in=explained).values_list("resource", flat=True)
    )


def explaining() -> QuerySet[Explanation]:
    return Explanation.objects.exclude(change__state="withdrawn").exclude(change__title=RESTARTED)
