"""What a declaration leaves open is watched as well, and goes the whole way when it was changed by hand."""

from pathlib import Path
from typing import Any

from deployments.core.states import Present
from tests.services.test_fold_back_kinds import FILES, begin, folded, pytestmark, show

__all__ = ["pytestmark"]


def test_a_hold_on_a_package_of_which_only_the_version_is_declared_is_folded_beside_it(
    settings: Any, tmp_path: Path
) -> None:
    fleet = begin(settings, tmp_path)
    text = folded(fleet, show(fleet, "package:nginx", Present({"version": "1.22", "hold": True})))
    assert text == FILES["roles/web/resources.yaml"].replace(
        '{version: "1.22"}', '{version: "1.22", hold: true}'
    )
    waiting = fleet.hosts["web-3"].verdicts.get()
    assert (waiting.resource, waiting.verdict) == ("package:nginx", "pending")


def test_what_was_folded_back_in_part_is_still_watched_in_the_rest(settings: Any, tmp_path: Path) -> None:
    """A fold-back of a group declares the groups; the shell is no less watched for it."""
    fleet = begin(settings, tmp_path)
    deploy = fleet.entries["web-1"]["user:deploy"]
    assert isinstance(deploy, Present)
    finding = show(fleet, "user:deploy", Present({**deploy.data, "shell": "/bin/sh"}), "web-1")
    assert finding.change["attributes"] == {"shell": ["", "/bin/sh"]}
