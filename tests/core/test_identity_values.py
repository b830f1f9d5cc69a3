"""When two changes of packages, services, users … are one finding."""

from typing import Any

import pytest

from deployments.core.states import ABSENT, Present, State
from deployments.kinds.listing import ListedKind
from drift.core import watched
from drift.core.identity import DriftChange, drift_change
from inventory.core.host_view import HostView

FAKES = {
    "package": ListedKind("package", "packages", ("version", "hold")),
    "user": ListedKind("user", "users", ("uid", "shell", "groups"), compared=("shell", "groups")),
}


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "KINDS", FAKES)


def change(resource: str, base: State, live: State, host: str = "web-1", **view: Any) -> DriftChange:
    names = frozenset(base.data) if isinstance(base, Present) else frozenset[str]()
    return drift_change(
        resource=resource,
        base=base,
        live=live,
        attributes=names | (frozenset(live.data) if isinstance(live, Present) else frozenset()),
        base_text=None,
        live_text=None,
        host=HostView(host, "prod", **view),
        template_values={},
    )


def groups(*names: str) -> Present:
    return Present({"groups": list(names)})


def test_the_same_group_added_to_different_lists_is_one_finding() -> None:
    one = change("user:ana", groups("adm", "www-data"), groups("adm", "docker", "www-data"))
    two = change("user:ana", groups(), groups("docker"), host="web-2")
    assert one.fingerprint == two.fingerprint
    assert one.summary == {
        "kind": "edited",
        "attributes": {},
        "items": {"groups": {"removed": [], "added": ["docker"]}},
    }


def test_another_group_is_another_finding() -> None:
    one = change("user:ana", groups("adm"), groups("adm", "docker"))
    assert one.fingerprint != change("user:ana", groups("adm"), groups("adm", "sudo")).fingerprint
    assert one.fingerprint != change("user:bob", groups("adm"), groups("adm", "docker")).fingerprint
    assert one.fingerprint != change("user:ana", groups("adm", "docker"), groups("adm")).fingerprint


def test_lines_of_a_list_with_an_order_are_told_in_it_and_moving_one_is_a_change() -> None:
    base = Present({"jobs": ["2 b", "1 a", "3 c"]})
    moved = change("cron:root", base, Present({"jobs": ["1 a", "2 b", "3 c"]}))
    assert moved.summary["items"]["jobs"] in (
        {"removed": ["2 b"], "added": ["2 b"]},
        {"removed": ["1 a"], "added": ["1 a"]},
    )
    added = change("cron:root", base, Present({"jobs": ["2 b", "1 a", "9 x", "8 y", "3 c"]}))
    assert added.summary["items"]["jobs"] == {"removed": [], "added": ["9 x", "8 y"]}


def test_a_host_s_own_name_in_a_job_is_a_placeholder() -> None:
    def added(host: str, address: str) -> DriftChange:
        line = f"* * * * * ping {host} {address}"
        return change("cron:root", Present({"jobs": []}), Present({"jobs": [line]}), host, address=address)

    one, two = added("web-1", "10.0.0.1"), added("web-2", "10.0.0.2")
    assert one.fingerprint == two.fingerprint
    assert one.summary["items"]["jobs"]["added"] == ["* * * * * ping «host.name» «host.address»"]


def test_a_value_of_its_own_host_is_a_placeholder_and_a_package_s_version_is_not() -> None:
    one = change("user:ana", Present({"comment": ""}), Present({"comment": "ana at web-1"}))
    two = change("user:ana", Present({"comment": ""}), Present({"comment": "ana at web-2"}), host="web-2")
    assert one.fingerprint == two.fingerprint
    version = change("package:nginx", Present({"version": "1.22.1-9"}), Present({"version": "1.24.0-1"}))
    assert version.summary == {"kind": "edited", "attributes": {"version": ["1.22.1-9", "1.24.0-1"]}}


def test_a_drop_in_is_told_by_its_lines() -> None:
    base = Present({"drop_ins": {"a.conf": "[Service]\nNice=5\n", "b.conf": "x\n"}})
    live = Present({"drop_ins": {"a.conf": "[Service]\nNice=10\n", "c.conf": "y\n"}})
    found = change("service:nginx", base, live).summary
    assert found["texts"] == {
        "drop_ins": {
            "a.conf": {"kind": "edited", "hunks": [{"removed": ["Nice=5\n"], "added": ["Nice=10\n"]}]},
            "b.conf": {"kind": "deleted", "hunks": [{"removed": ["x\n"], "added": []}]},
            "c.conf": {"kind": "created", "hunks": [{"removed": [], "added": ["y\n"]}]},
        }
    }


def test_what_was_created_is_told_by_what_a_host_does_not_choose_itself() -> None:
    one = change("user:eve", ABSENT, Present({"uid": 1001, "shell": "/bin/sh", "groups": ["sudo"]}))
    two = change("user:eve", ABSENT, Present({"uid": 1007, "shell": "/bin/sh", "groups": ["sudo"]}), host="b")
    assert one.fingerprint == two.fingerprint
    assert one.summary == {
        "kind": "created",
        "attributes": {"shell": [None, "/bin/sh"]},
        "items": {"groups": {"removed": [], "added": ["sudo"]}},
    }


def test_a_package_that_was_removed_is_one_finding_whatever_its_version_was() -> None:
    one = change("package:nginx", Present({"version": "1"}), ABSENT)
    two = change("package:nginx", Present({"version": "2"}), ABSENT, host="web-2")
    assert one.fingerprint == two.fingerprint
    assert one.summary == {"kind": "deleted", "attributes": {}}


def test_an_access_control_list_on_a_file_is_told_by_its_entries() -> None:
    plain = Present({"type": "file", "mode": "0644"})
    listed = Present({"type": "file", "mode": "0644", "acl": ["user:ana:rw-"]})
    assert change("file:/etc/motd", plain, listed).summary == {
        "kind": "edited",
        "attributes": {},
        "items": {"acl": {"removed": [], "added": ["user:ana:rw-"]}},
    }


def test_a_list_of_nothing_is_no_part_of_a_change() -> None:
    created = change("user:eve", ABSENT, Present({"shell": "/bin/sh", "groups": []}))
    assert created.summary == {"kind": "created", "attributes": {"shell": [None, "/bin/sh"]}}
