"""What a finding shows of base, head and live."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from drift.models import Finding, Occurrence
from drift.queries.findings import finding_variants
from tests.definitions import GitFleet, Repository, path_settings
from tests.factories import host

pytestmark = pytest.mark.django_db

FILES = {
    "base/resources.yaml": (
        "variables: {workers: 4, db_password: hunter2hunter2}\nfiles:\n  /etc/app.conf: {template: app.j2}\n"
    ),
    "base/templates/app.j2": "workers {{ workers }}\nlogin {{ db_password }}\nlimit 10\n",
}


@pytest.fixture
def fleet(settings: Any, tmp_path: Path) -> GitFleet:
    for name, value in path_settings(tmp_path).items():
        setattr(settings, name, value)
    fleet = GitFleet(Repository(FILES), [host(f"web-{n}") for n in (1, 2, 3)])
    fleet.look()
    for name in fleet.hosts:
        fleet.edit(name, "/etc/app.conf", "limit 10", "limit 99")
    fleet.look()
    return fleet


def test_a_secret_among_the_values_of_a_template_is_not_shown(fleet: GitFleet) -> None:
    [variant] = finding_variants(Finding.objects.get())
    assert variant.values == {"workers": 4, "db_password": "[redacted]"}


def test_hosts_that_have_it_come_before_those_where_it_ended(fleet: GitFleet) -> None:
    over = Occurrence.objects.filter(host__name__in=["web-1", "web-2"])
    over.update(ended_at=fleet.now + timedelta(minutes=1), ended_as="vanished")
    [variant] = finding_variants(Finding.objects.get(), limit=1)
    assert variant.hosts == ["web-3"]


def test_a_text_of_the_definition_is_shown_only_for_the_revision_that_was_compared(fleet: GitFleet) -> None:
    fleet.repository.replace("base/templates/app.j2", "limit 10", "limit 20")
    fleet.read_head()
    fleet.look()
    assert "limit 20" in str(finding_variants(Finding.objects.get())[0].head.text)
    fleet.repository.replace("base/templates/app.j2", "limit 20", "limit 30")  # nobody looked since
    [variant] = finding_variants(Finding.objects.get())
    assert "limit 30" not in str(variant.head.text)


def test_a_definition_that_is_broken_hides_no_diff(fleet: GitFleet) -> None:
    fleet.repository.commit({"base/resources.yaml": "files: [\n"})
    [variant] = finding_variants(Finding.objects.get())
    assert "limit 99" in str(variant.live.text) and "limit 10" in str(variant.base.text)
