"""What was changed by hand in packages, services and accounts goes the whole way: found, decided, committed, proven."""

from pathlib import Path
from typing import Any

import pytest

from common.core.errors import Unprocessable
from deployments.core.states import ABSENT, Present
from drift.models import Finding
from drift.services.proposals import placements_for, prepare_fold_back
from tests.definitions import GitFleet, Repository, path_settings
from tests.factories import host
from tests.folding import approve, carry_out, fold, now_is

pytestmark = pytest.mark.django_db

FILES = {
    "definition.yaml": "format: 1\nwatched: [packages, services, users, cron]\n",
    "roles/web/resources.yaml": """\
packages:
  nginx: {version: "1.22"}   # the front door
users:
  deploy: {groups: [www-data]}  # by hand until May
""",
}
NGINX = Present({"version": "1.22", "hold": False})
DEPLOY = Present(
    {"uid": 2000, "group": "deploy", "groups": ["www-data"], "home": "/", "shell": "", "comment": ""}
)


def begin(settings: Any, tmp_path: Path) -> GitFleet:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    fleet = GitFleet(Repository(FILES), [host(f"web-{n}") for n in (1, 2, 3)])
    for name in fleet.hosts:
        fleet.entries[name] = {
            "package:nginx": NGINX,
            "user:deploy": DEPLOY,
            "package:less": Present({"version": "5", "hold": False}),
            "cron:deploy": Present({"jobs": ["@daily true"]}),
        }
    fleet.look()
    assert not Finding.objects.exists()
    return fleet


def show(fleet: GitFleet, resource: str, state: Any, *names: str) -> Finding:
    known = set(Finding.objects.values_list("pk", flat=True))
    for name in names or ("web-1", "web-2"):
        fleet.entries[name][resource] = state
    fleet.look(*names or ("web-1", "web-2"))
    return Finding.objects.exclude(pk__in=known).get()


def folded(fleet: GitFleet, finding: Finding) -> str:
    """The role's text after the fold-back; what was changed by hand is proven then, and waits on web-3."""
    decision = fold(finding, layer="roles/web")
    approve(decision)
    carry_out()
    assert now_is(decision)[1] == ["committed"]
    fleet.read_head()
    fleet.look()
    assert now_is(decision)[1] == ["proven"]
    return fleet.repository.text("roles/web/resources.yaml")


def test_a_package_upgraded_by_hand_becomes_its_declared_version(settings: Any, tmp_path: Path) -> None:
    fleet = begin(settings, tmp_path)
    finding = show(fleet, "package:nginx", Present({"version": "1.24", "hold": False}))
    text = folded(fleet, finding)
    assert text == FILES["roles/web/resources.yaml"].replace('"1.22"', '"1.24"')
    waiting = fleet.hosts["web-3"].verdicts.get()
    assert (waiting.resource, waiting.verdict) == ("package:nginx", "pending")


def test_a_package_that_nobody_declared_is_declared_once_it_was_installed_by_hand(
    settings: Any, tmp_path: Path
) -> None:
    fleet = begin(settings, tmp_path)
    text = folded(fleet, show(fleet, "package:htop", Present({"version": "3.2", "hold": False})))
    assert '  htop: {version: "3.2"}\n' in text and "# the front door" in text


def test_a_package_that_nobody_declared_is_declared_absent_once_it_was_removed_by_hand(
    settings: Any, tmp_path: Path
) -> None:
    fleet = begin(settings, tmp_path)
    text = folded(fleet, show(fleet, "package:less", ABSENT))
    assert "  less: {state: absent}\n" in text
    waiting = fleet.hosts["web-3"].verdicts.get()
    assert (waiting.resource, waiting.verdict) == ("package:less", "pending")


def test_a_user_added_to_a_group_keeps_the_order_of_the_list(settings: Any, tmp_path: Path) -> None:
    fleet = begin(settings, tmp_path)
    live = Present({**DEPLOY.data, "groups": ["adm", "www-data"]})
    assert "deploy: {groups: [www-data, adm]}  # by hand until May" in folded(
        fleet, show(fleet, "user:deploy", live)
    )


def test_the_effect_names_hosts_that_are_right_and_hosts_that_wait(settings: Any, tmp_path: Path) -> None:
    fleet = begin(settings, tmp_path)
    finding = show(fleet, "package:less", Present({"version": "6", "hold": False}))
    _, previews = placements_for(finding)
    role = next(one for one in previews if one.placement.layer == "roles/web")
    assert role.placement.safe
    assert role.effect["hosts"]["already_right"] == ["web-1", "web-2"]  # type: ignore[index]
    assert role.effect["hosts"]["changed"] == ["web-3"]  # type: ignore[index]


def test_a_crontab_from_which_a_secret_was_taken_is_found_and_never_folded(
    settings: Any, tmp_path: Path
) -> None:
    fleet = begin(settings, tmp_path)
    fleet.redacted = {"cron:deploy": 1}
    finding = show(fleet, "cron:deploy", Present({"jobs": ["@daily dump -p[redacted]"]}))
    with pytest.raises(Unprocessable, match="secret"):
        prepare_fold_back(findings=[finding])


def test_what_a_declaration_leaves_open_is_added_to_it(settings: Any, tmp_path: Path) -> None:
    fleet = begin(settings, tmp_path)
    finding = show(fleet, "package:nginx", Present({"version": "1.22", "hold": True}))
    assert '  nginx: {version: "1.22", hold: true}   # the front door' in folded(fleet, finding)
