"""A fleet with drift in kinds that aren't files, for tests of pages: declared, watched, holding a secret, not listed."""

from pathlib import Path
from typing import Any

from deployments.core.states import Present, State
from tests.definitions import GitFleet, Repository, path_settings
from tests.factories import host
from tests.folding import FILES

DEFINITION = {
    **FILES,
    "definition.yaml": "format: 1\nwatched: [packages, services, users, cron, sudoers, ports, sysctl, firewall]\n",
    "roles/web/resources.yaml": FILES["roles/web/resources.yaml"]
    + 'packages:\n  nginx: {version: "1.22.1-9"}\nservices:\n  nginx: {enabled: true, running: true}\n',
}
NEWER = "1.24.0-1"


def user(*groups: str) -> Present:
    return Present(
        {"uid": 1000, "group": "ana", "groups": sorted(groups), "home": "/home/ana", "shell": "/bin/bash", "comment": "Ana"}
    )  # fmt: skip


def service(*, enabled: bool = True, running: bool = True, **drop_ins: str) -> Present:
    texts = {name.replace("_", "."): text for name, text in drop_ins.items()}
    return Present({"enabled": enabled, "running": running, "masked": False, "drop_ins": texts})


def package(version: str, *, hold: bool = False) -> Present:
    return Present({"version": version, "hold": hold})


def as_it_was(number: int) -> dict[str, State]:
    groups = ("adm", "www-data", "plugdev", "cdrom", "dip", "audio", "video", "netdev", "staff")
    return {
        "package:nginx": package("1.22.1-9"),
        "package:less": package("590-2"),
        "service:nginx": service(),
        "service:cron": service(a_conf="[Service]\nNice=5\n"),
        "user:ana": user(*groups[: 2 + number]),
        "cron:root": Present({"jobs": ["17 * * * * run-parts /etc/cron.hourly", "25 6 * * * /usr/bin/certbot renew"]}),
        "sysctl:net.core.somaxconn": Present({"value": "128"}),
        "port:tcp/0.0.0.0:80": Present({"process": "nginx"}),
    }  # fmt: skip


def begin(settings: Any, tmp_path: Path, count: int = 3) -> GitFleet:
    """web-1 … web-3, looked at once; all is as it should be, and as it was."""
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    fleet = GitFleet(Repository(DEFINITION), [host(f"web-{n}") for n in range(1, count + 1)])
    for number, name in enumerate(fleet.hosts):
        fleet.entries[name] = as_it_was(number)
    fleet.look()
    return fleet


def fixed_at_night(fleet: GitFleet) -> None:
    """What somebody does on a console, on all hosts or on one."""
    for number, (_name, shown) in enumerate(fleet.entries.items()):
        before = shown["user:ana"]
        assert isinstance(before, Present)
        shown["user:ana"] = user(*before.data["groups"], "docker")
        shown["service:nginx"] = service(running=False)
        shown["sysctl:net.core.somaxconn"] = Present({"value": "4096", "persisted": "4096"})
        if number == 0:
            shown["package:nginx"] = package(NEWER, hold=True)
            shown["package:tree"] = package("2.1.0-1")
            del shown["package:less"]
            jobs = [
                "17 * * * * run-parts /etc/cron.hourly",
                "*/5 * * * * curl -u ops:«redacted» http://10.0.0.9/x",
            ]
            shown["cron:root"] = Present({"jobs": jobs})
            shown["service:cron"] = service(
                a_conf="[Service]\nNice=10\nIOSchedulingClass=idle\n", b_conf="[Unit]\n"
            )
            shown["sudoers:/etc/sudoers.d/deploy"] = Present(
                {"rules": ["deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart nginx"]}
            )
            shown["port:tcp/0.0.0.0:8080"] = Present({"process": "python3"})
    fleet.redacted = {"cron:root": 1}
    fleet.incomplete = {"firewall": "tool missing: nft"}
    fleet.look()
