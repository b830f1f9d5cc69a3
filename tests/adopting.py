"""Adoptions of hosts that are directory trees: Ana adopts, Ben merges."""

from pathlib import Path
from typing import Any

from changemgmt.models import Change
from drift.models import Adoption, HostScan, Scan
from drift.services.adoptions import create_adoption, merge_adoption, propose_adoption
from inventory.models import Host
from tests.definitions import Repository, path_settings, work
from tests.factories import acting

KINDS = ("adopt", "plan-adoption", "branch-adoption", "merge-adoption", "settle-adoption")
FLEET = {"web-1": ("prod", "web"), "web-2": ("prod", "web"), "web-3": ("dev", "web"), "db-1": ("prod", "db")}


class Trees:
    """The fleet: four hosts, each a directory, with what a shop would have in it; and a definition that is empty."""

    def __init__(self, settings: Any, tmp_path: Path, definition: dict[str, str] | None = None) -> None:
        for name, value in path_settings(tmp_path, LOCAL_ROOTS=[str(tmp_path)]).items():
            setattr(settings, name, value)
        self.path = tmp_path
        self.repository = Repository(definition if definition is not None else {})
        for number, (name, (environment, role)) in enumerate(FLEET.items(), start=1):
            Host.objects.create(
                name=name,
                environment=environment,
                roles=[role],
                address=f"10.0.0.{number}",
                transport="local",
                root=str(tmp_path / name),
            )
            self.write(name, "etc/motd", "Authorised use only\n")
            self.write(name, "etc/hostname", f"{name}\n")
            self.write(name, "etc/hosts", f"127.0.0.1 localhost\n10.0.0.{number} {name}.example.org {name}\n")
            self.write(name, "etc/machine-id", f"{number}\n")
            self.write(name, "etc/ssl/private/site.key", f"very secret {name}\n", 0o600)
            self.write(name, "etc/app.ini", "[db]\npassword = correct-horse-battery-staple\n", 0o640)
            (tmp_path / name / "etc" / "blob").write_bytes(b"\x00\x01" + name.encode())
            if role == "web":
                self.write(name, "etc/nginx/nginx.conf", "worker_processes 4;\n" + "# more\n" * 20)
                self.write(name, "etc/nginx/conf.d/app.conf", f"server {{ listen 80; # {environment}\n}}\n")
                (tmp_path / name / "etc" / "nginx" / "enabled").symlink_to("conf.d")

    def write(self, host: str, path: str, text: str, mode: int = 0o644) -> None:
        place = self.path / host / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)


def adopt(selector: str = "*", who: str = "ana", **more: Any) -> Adoption:
    """Begin, and let the workers look and plan."""
    adoption = create_adoption(actor=acting(who), selector=selector, roots=["/etc"], **more)
    work(*KINDS)
    return fresh(adoption)


def propose(adoption: Adoption, who: str = "ana", **more: Any) -> Adoption:
    propose_adoption(actor=acting(who), adoption=adoption, **more)
    work(*KINDS)
    return fresh(adoption)


def merge(adoption: Adoption, who: str = "ben") -> Adoption:
    """Somebody else approves, and the workers merge and look again."""
    merge_adoption(actor=acting(who), adoption=adoption, digest=adoption.digest)
    work(*KINDS, "scan")
    return fresh(adoption)


def fresh(adoption: Adoption) -> Adoption:
    return Adoption.objects.select_related("change", "job").get(pk=adoption.pk)


def change_of(adoption: Adoption) -> Change:
    assert adoption.change is not None
    return Change.objects.get(pk=adoption.change.pk)


def verdicts(scan: Scan | None = None) -> dict[str, dict[str, int]]:
    """Host → verdict → resources, of the latest scan (or this one), without what there is none of."""
    scan = scan or Scan.objects.latest("created_at")
    rows = HostScan.objects.filter(scan=scan).values_list("host__name", "counts")
    return {name: {verdict: count for verdict, count in counts.items() if count} for name, counts in rows}
