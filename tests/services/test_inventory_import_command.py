"""`manage.py import_hosts`: what it tells, and that a problem changes nothing."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from inventory.models import Host
from tests.factories import acting

pytestmark = pytest.mark.django_db


def run(command: str, *args: str, **options: Any) -> str:
    out = io.StringIO()
    call_command(command, *args, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def test_the_import_command_tells_what_it_does_and_what_it_leaves_out(tmp_path: Path) -> None:
    acting("ben")
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("[live]\nweb-[1:30] ansible_become=true\n[web]\nweb-1\n[team_pay]\nweb-1\n")
    maps = ["live=environment:prod", "web=role:web"]
    dry = run("import_hosts", str(inventory), map=maps, dry_run=True, team_lead="ben")
    assert "would create web-1\n" in dry and "… and 10 more" in dry and "dry run: nothing was written" in dry
    assert not Host.objects.exists()
    assert "30 hosts created, 0 changed, 0 unchanged\n" in run(
        "import_hosts", str(inventory), map=maps, team_lead="ben"
    )
    inventory.write_text("[live]\nweb-1 ansible_port=2222\n")
    assert "change web-1: roles ['web'] → [], port 22 → 2222" in run(
        "import_hosts", str(inventory), map=maps[:1]
    )


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("web-1\n", {}, "hosts.ini:1: web-1 has no environment. Put it into a group"),
        ("[env_prod]\nweb-1\n[team_pay]\nweb-1\n", {}, "hosts.ini:2: the team pay of web-1 is not known"),
        ("[env_prod]\nweb-1\n", {"map": ["web"]}, "--map takes GROUP=MEANING"),
        ("[env_prod]\nweb-1\n", {"map": ["web=x"]}, "group web: 'x' is not a meaning"),
        ("[env_prod]\nweb-1\n", {"team_lead": "nobody"}, "no active person nobody"),
        ("[env_prod]\nweb-1\n", {"as_person": "dee"}, "may not add or change hosts"),
    ],
)
def test_the_import_command_fails_with_a_line_a_problem_and_changes_nothing(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    acting("dee")
    inventory = tmp_path / "hosts.ini"
    inventory.write_text(text)
    with pytest.raises(CommandError) as caught:
        run("import_hosts", str(inventory), **options)
    assert message in str(caught.value)
    assert not Host.objects.exists()


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandError, match="can't be read: No such file"):
        run("import_hosts", "/nowhere/hosts")
