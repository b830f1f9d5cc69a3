"""A week of history, made by the real services with the clock turned back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings

from changemgmt.services.approvals import approve_change
from changemgmt.services.changes import log_change
from common import clock
from common.core.actor import Actor
from demo import trees
from demo.cast import Cast
from demo.runner import work_until_done
from demo.world import HERE, SECRETS, World
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.queries.definitions import definition_at, head_revision, repository
from deployments.repository import DefinitionRepository
from deployments.services.deployments import report_deployment
from drift.models import Decision, Finding
from drift.services.decisions import propose_decision
from drift.services.proposals import prepare_fold_back
from drift.services.scan_policies import create_scan_policy
from drift.services.scans import create_scan
from inventory.queries.hosts import host_views


@contextmanager
def days_ago(days: float) -> Iterator[None]:
    with clock.shifted(timedelta(days=-days)):
        yield


def starter_files() -> dict[str, bytes]:
    root = HERE / "definition"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()
    }


def first_commit(cast: Cast) -> None:
    person = cast.person(cast.cy)
    who = (person.name, person.email)
    DefinitionRepository.create(
        settings.DEFINITION_PATH,
        files=starter_files(),
        author=who,
        message="Describe the shop\n\nWhat every host of it should look like.\n",
        when=clock.now(),
    )


def commit(by: Actor, edits: dict[str, tuple[str, str]], message: str) -> str:
    """A commit by a person who edits the definition without Foldback: path → (old, new)."""
    repo = repository()
    head = repo.head()
    files = repo.files(head)
    changed = {}
    for path, (old, new) in edits.items():
        text = files[path].decode()
        if old not in text:
            raise ValueError(f"{path} does not hold {old!r}")
        changed[path] = text.replace(old, new).encode()
    parse_definition({**files, **changed})
    person = Cast.person(by)
    who = (person.name, person.email)
    return repo.commit(
        parent=head, edits=changed, author=who, committer=who, message=message, when=clock.now()
    )


def push(world: World, *names: str) -> None:
    """What somebody else's pusher does: every host made what the definition says; then it says so."""
    definition = definition_at(head_revision())
    views = host_views()
    for name in names or sorted(views):
        trees.lay(
            world.root(name), name, desired_manifest(definition, views[name]), at=clock.now(), secrets=SECRETS
        )


def scan(actor: Actor, selector: str = "*") -> None:
    create_scan(actor=actor, selector=selector)
    work_until_done()


def live_through(world: World, cast: Cast) -> None:
    """Seven days, of which the fleet was in sync for most."""
    with days_ago(6.9):
        push(world)
        scan(cast.cy)
    _a_fold_back(world, cast)
    with days_ago(3.2):
        commit(
            cast.ben,
            {"roles/web/templates/shop.j2": ("proxy_read_timeout 10s;", "proxy_read_timeout 15s;")},
            "Wait longer for the API\n\nPayments need up to 12 s on the first of the month.\n",
        )
        push(world)
        report_deployment(
            actor=cast.deploy,
            revision=head_revision(),
            hosts=sorted(world.addresses),
            external_id="weekly-37",
        )
        log_change(
            actor=cast.deploy,
            title="Weekly release 37",
            hosts=sorted(world.addresses),
            kind="standard",
            external_id="weekly-37",
        )
        work_until_done()
        scan(cast.cy)
    _a_waiver(world, cast)
    with days_ago(1.1):
        scan(cast.cy)


def _a_fold_back(world: World, cast: Cast) -> None:
    """Five days ago: found, decided, approved, committed, pushed, proven."""
    with days_ago(5.4):
        for name in ("api-2", "api-5"):
            trees.edit(
                world.root(name) / "srv/shop/api.ini", "pool_timeout = 5", "pool_timeout = 9", at=clock.now()
            )
        log_change(
            actor=cast.ana,
            title="Wait longer for a database connection",
            hosts=["api-2", "api-5"],
            resources=["file:/srv/shop/api.ini"],
        )
    with days_ago(5.3):
        scan(cast.cy)
        finding = Finding.objects.get(state="open")
        proposal = prepare_fold_back(findings=[finding], layer="roles/api")
        decision = propose_decision(
            actor=cast.ana,
            kind="fold-back",
            findings=[finding],
            reason="Nine seconds got us through the backup window.",
            proposal=proposal,
        )
        approve(cast.ben, decision)
    with days_ago(5.2):
        push(world)
        report_deployment(
            actor=cast.deploy,
            revision=head_revision(),
            hosts=sorted(world.addresses),
            external_id="fix-pool-timeout",
        )
        work_until_done()
        scan(cast.cy)


def _a_waiver(world: World, cast: Cast) -> None:
    with days_ago(2.2):
        motd = world.root("stage-web-2") / "etc/motd"
        trees.write(motd, "STAGING of the payments team until the end of the month.\n", at=clock.now())
    with days_ago(2.1):
        scan(cast.cy)
        finding = Finding.objects.get(state="open")
        decision = propose_decision(
            actor=cast.ana,
            kind="waive",
            findings=[finding],
            reason="The payments team borrows this host.",
            until=clock.now() + timedelta(days=16),
        )
        approve(cast.ben, decision)


def approve(by: Actor, decision: Decision) -> None:
    approve_change(actor=by, change=decision.change, digest=decision.change.digest)
    work_until_done()


def look_from_now_on(cast: Cast) -> None:
    """What is changed by hand from here on is found within a minute or two, without anybody asking."""
    create_scan_policy(
        actor=cast.ben,
        name="shop",
        selector="*",
        quick_every=60,
        deep_every=86_400,
        note="Every host, so that a fix by hand is found before the next release.",
    )


def move_the_definition(cast: Cast) -> None:
    """During the outage Ben commits something of his own: other hosts are pending, web-12 is in conflict."""
    with clock.shifted(timedelta(minutes=-25)):
        commit(
            cast.ben,
            {"base/resources.yaml": ("log_days: 7          #", "log_days: 14         #")},
            "Keep logs for two weeks\n\nAsked for by legal.\n",
        )
