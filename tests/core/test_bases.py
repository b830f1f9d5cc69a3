"""What a report of a deployment makes agreed on a host whose kinds are watched."""

from deployments.core.definition.model import DesiredManifest, DesiredResource, Origin
from deployments.core.states import UNDECLARED, Present, State
from drift.core.bases import deployed_base
from drift.core.watched import AGREED

ONE, TWO = Present({"version": "1", "hold": False}), Present({"version": "2", "hold": False})
BASE: dict[str, State] = {"package:": AGREED, "package:vim": ONE, "package:nginx": ONE, "file:/etc/old": ONE}
NOTHING = DesiredManifest({})


def deployed(*resources: str, **versions: str) -> dict[str, State]:
    wanted = {
        f"package:{name}": DesiredResource(
            f"package:{name}", Present({"version": version}), frozenset({"version"}), Origin("base", "", 1)
        )
        for name, version in versions.items()
    }
    return deployed_base(base=BASE, head=NOTHING, deployed=DesiredManifest(wanted), resources=resources)


def test_a_whole_revision_says_nothing_of_what_is_only_watched() -> None:
    agreed = deployed(nginx="2")
    assert agreed == {"package:": AGREED, "package:vim": ONE, "package:nginx": TWO}


def test_a_report_that_names_a_watched_resource_lets_the_next_look_agree_with_what_it_finds() -> None:
    agreed = deployed("package:vim")
    assert agreed == {**BASE, "package:vim": UNDECLARED}


def test_a_report_about_one_resource_leaves_the_others_as_they_were() -> None:
    assert deployed("package:nginx", nginx="2") == {**BASE, "package:nginx": TWO}
