"""A watched /etc on real Debian hosts: what people change there is found, what packages and the system do there is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployments.core.definition.placement import placements
from drift.models import Finding, Occurrence
from drift.services.fold_ground import stand_on
from tests.definitions import Repository, path_settings
from tests.factories import person
from tests.hosts.fleet import RealFleet

pytestmark = pytest.mark.slow

WATCHED = "packages, services, sysctl, users, groups, cron, mounts, kernel_modules, ports, firewall, sudoers, authorized_keys"
DEFINITION = {"definition.yaml": f"format: 1\nwatched: [{WATCHED}, /etc]\n"}


@pytest.fixture
def definition(db: None, settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository(DEFINITION)


def open_findings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = Occurrence.objects.filter(ended_at=None).order_by("host__name")
    for resource, name in rows.values_list("finding__resource", "host__name"):
        found.setdefault(resource, []).append(name)
    return found


def test_hand_edits_of_files_that_nobody_declared_are_found_with_what_was_there_before(
    real_fleet: Callable[..., RealFleet], definition: Repository
) -> None:
    person("ben")
    fleet = real_fleet("web-1", "web-2", "web-3")
    fleet.register()
    first = fleet.look()
    assert {row.status for row in first.values()} <= {"ok", "partial"}, [row.detail for row in first.values()]
    assert open_findings() == {}
    fleet.look()
    assert open_findings() == {}, "nothing was done, and nothing is found"

    for name in ("web-1", "web-2"):
        fleet[name].as_person(
            "ana", "sudo sed -i 's/worker_connections 768/worker_connections 4096/' /etc/nginx/nginx.conf"
        )
    fleet["web-3"].as_person("ben", "sudo rm /etc/logrotate.d/nginx; sudo chmod 0600 /etc/deluser.conf")
    fleet["web-3"].as_person("ben", "echo 'X=1' | sudo tee /etc/default/shop; sudo ln -sfn /tmp /etc/shop")
    fleet["web-3"].as_person("ben", "sudo rm /etc/issue.net; sudo ln -s issue /etc/issue.net")
    fleet["web-3"].run(
        "touch /etc/nginx; setfacl -m u:ana:r /etc/adduser.conf; ldconfig; logrotate -f /etc/logrotate.conf || :"
    )
    fleet.look()
    assert open_findings() == {
        "file:/etc/nginx/nginx.conf": ["web-1", "web-2"],
        "file:/etc/logrotate.d/nginx": ["web-3"],
        "file:/etc/deluser.conf": ["web-3"],
        "file:/etc/adduser.conf": ["web-3"],
        "file:/etc/default/shop": ["web-3"],
        "symlink:/etc/shop": ["web-3"],
        "file:/etc/issue.net": ["web-3"],
    }
    edited = Finding.objects.get(resource="file:/etc/nginx/nginx.conf")
    [hunk] = edited.change["hunks"]
    assert [line.strip() for line in hunk["removed"] + hunk["added"]] == [
        "worker_connections 768;",
        "worker_connections 4096;",
    ]
    kinds = {f.resource: f.change["kind"] for f in Finding.objects.all()}
    assert kinds["file:/etc/issue.net"] == "replaced" and kinds["file:/etc/logrotate.d/nginx"] == "deleted"
    assert Finding.objects.get(resource="file:/etc/deluser.conf").change["attributes"] == {
        "mode": ["0644", "0600"]
    }

    ground = stand_on(definition.head, [edited])
    safe = [
        way
        for way in placements(ground.definition, ground.files, ground.changes[edited.reference], ground.views)
        if way.safe
    ]
    assert "roles/web/files/etc/nginx/nginx.conf" in safe[0].edits
    assert "/etc/nginx/nginx.conf:" in (safe[0].edits["roles/web/resources.yaml"] or b"").decode()

    fleet["web-3"].run("setfacl -b /etc/adduser.conf; chmod 0644 /etc/deluser.conf; rm /etc/shop")
    fleet.look()
    assert "file:/etc/adduser.conf" not in open_findings() and "symlink:/etc/shop" not in open_findings()


def test_a_package_that_comes_is_upgraded_and_goes_is_one_finding_and_none_for_its_files(
    real_fleet: Callable[..., RealFleet], definition: Repository
) -> None:
    fleet = real_fleet("web-1", "web-2")
    fleet.register()
    fleet.look()
    before = fleet["web-1"].run("find /etc | sort")
    fleet["web-1"].as_person("ana", "sudo apt-get install -y at")
    fleet["web-2"].as_person("ana", "sudo apt-get install -y at && echo ana | sudo tee -a /etc/at.deny")
    came = set(fleet["web-1"].run("find /etc | sort").split()) - set(before.split())
    assert {"/etc/at.deny", "/etc/init.d/atd", "/etc/pam.d/atd"} <= came
    fleet.look()
    found = open_findings()
    assert found.pop("file:/etc/at.deny") == ["web-2"], "what was edited is not as its package ships it"
    assert {name.partition(":")[0] for name in found} <= {"package", "service", "user", "group"}, found
    assert {"package:at"} <= set(found)

    # A package that goes takes its files with it.
    fleet["web-1"].as_person("ana", "sudo apt-get purge -y at")
    fleet["web-2"].as_person("ana", "sudo rm /etc/pam.d/atd")
    fleet.look()
    found = open_findings()
    assert found["file:/etc/pam.d/atd"] == ["web-2"]
    assert not [name for name, hosts in found.items() if "web-1" in hosts and name.startswith("file")], found


def test_an_account_that_may_not_see_all_of_it_sees_the_rest_and_says_what_it_does_not(
    real_fleet: Callable[..., RealFleet], definition: Repository
) -> None:
    fleet = real_fleet("web-1")
    fleet["web-1"].run(
        "mkdir -m 0700 /etc/closed; echo 1 >/etc/closed/in; useradd -m looker; mkdir -m 0700 ~looker/.ssh"
    )
    fleet["web-1"].run("cp ~ben/.ssh/authorized_keys ~looker/.ssh/; chown -R looker: ~looker/.ssh")
    fleet.register(user="looker", key=fleet.yard.private_key("ben"))
    fleet.look()
    fleet["web-1"].run("echo 2 >/etc/closed/in; echo '# x' >>/etc/nginx/nginx.conf")
    row = fleet.look()["web-1"]
    assert row.status == "partial" and row.counts["unknown"] > 0
    assert open_findings() == {"file:/etc/nginx/nginx.conf": ["web-1"]}
    fleet["web-1"].run("chmod 0755 /etc/closed")
    fleet.look()
    assert set(open_findings()) == {"file:/etc/nginx/nginx.conf", "directory:/etc/closed"}
