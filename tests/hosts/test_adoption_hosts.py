"""Real Debian hosts adopted: the definition, rendered, is what they are; and what people do afterwards is seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drift.models import Adoption, Finding, ResourceVerdict
from drift.services.adoptions import create_adoption
from tests.adopting import KINDS, fresh, merge, propose
from tests.definitions import Repository, path_settings, work
from tests.factories import acting
from tests.hosts.fleet import RealFleet

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
NAMES = ("web-1", "web-2", "web-3", "db-1")
SHOP = """
printf 'Authorised use only\\n' >/etc/motd
mkdir -p /etc/app /etc/ssl/private
printf 'listen %s\\nname %s\\n' "$ADDRESS" "$NAME" >/etc/app/app.conf
printf 'key of %s\\n' "$NAME" >/etc/ssl/private/site.key; chmod 600 /etc/ssl/private/site.key
useradd -m -u 2000 -s /bin/bash deploy
printf '0 6 * * * root /bin/true\\n' >/etc/cron.d/report
printf 'net.core.somaxconn = 1234\\n' >/etc/sysctl.d/50-shop.conf; sysctl -qw net.core.somaxconn=1234
printf '%%ops ALL=(ALL) ALL\\n' >/etc/sudoers.d/ops; chmod 440 /etc/sudoers.d/ops
"""
WEB = """
printf 'server_tokens off;\\n' >/etc/nginx/conf.d/tokens.conf
sed -i 's/worker_connections .*/worker_connections 4096;/' /etc/nginx/nginx.conf
usermod -aG www-data deploy
apt-get install -y tree >/dev/null 2>&1
"""


@pytest.fixture
def repository(db: None, settings: Any, tmp_path: Path) -> Repository:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    return Repository({})


def furnished(real_fleet: Callable[..., RealFleet]) -> RealFleet:
    fleet = real_fleet(*NAMES)
    for name, machine in fleet.machines.items():
        said = f"NAME={name} ADDRESS={machine.address}\n"
        machine.run(said + SHOP + (WEB if name.startswith("web") else ""), check=True)
    fleet.machines["web-3"].run("apt-mark hold tree; systemctl mask --now cron", check=True)
    fleet.register()
    return fleet


def test_adopted_hosts_are_in_sync_and_what_is_done_afterwards_is_seen(
    repository: Repository, real_fleet: Callable[..., RealFleet]
) -> None:
    fleet = furnished(real_fleet)
    adoption = create_adoption(actor=acting("ana"), selector="*")
    work(*KINDS)
    adoption = fresh(adoption)
    assert adoption.state == "planned", adoption.problem
    assert adoption.summary["hosts"] == {"seen": 4, "render": 4}
    _reads_well(adoption)
    adoption = merge(propose(adoption))
    assert adoption.state == "merged", adoption.problem
    odd = ResourceVerdict.objects.exclude(verdict="unknown").values_list("host__name", "resource", "verdict")
    assert list(odd) == [] and not Finding.objects.exists()

    fleet["web-1"].run(
        "echo '# by hand' >>/etc/nginx/nginx.conf; echo x >/etc/nginx/conf.d/new.conf", check=True
    )
    fleet["web-2"].run(
        "apt-mark hold curl nginx-light; systemctl stop nginx; usermod -aG adm deploy", check=True
    )
    fleet["db-1"].run(
        "rm /etc/motd; chmod 644 /etc/ssl/private/site.key; sysctl -qw net.core.somaxconn=99", check=True
    )
    fleet.look("*")
    assert {finding.resource for finding in Finding.objects.all()} >= {
        "file:/etc/nginx/nginx.conf",
        "file:/etc/nginx/conf.d/new.conf",
        "package:nginx-light",
        "service:nginx",
        "user:deploy",
        "file:/etc/motd",
        "file:/etc/ssl/private/site.key",
        "sysctl:net.core.somaxconn",
    }


def _reads_well(adoption: Adoption) -> None:
    base = adoption.edits["base/resources.yaml"]["text"]
    web = adoption.edits["roles/web/resources.yaml"]["text"]
    assert (
        '  /etc/motd: {content: "Authorised use only\\n", owner: root, group: root, mode: "0644"}\n' in base
    )
    assert "  deploy: {uid: 2000, group: deploy, home: /home/deploy, shell: /bin/bash}\n" in base
    assert "  deploy: {groups: [www-data]}\n" in web
    assert '  net.core.somaxconn: "1234"\n' in base
    assert "/etc/ssl/private/site.key: {secret: " in base
    assert "  nginx-light: {version: " in base
    assert "{{ host.address }}" in adoption.edits["base/templates/etc/app/app.conf.j2"]["text"]
    assert "/etc/nginx/nginx.conf: {source: " in web
    assert "/etc/nginx/mime.types" not in base + web
    assert "tree: {hold: true}" in adoption.edits["hosts/web-3/resources.yaml"]["text"]
