"""Changes of packages, services, users … as people say them."""

import pytest

from drift.core.change_words import deed, title_of, value_parts
from drift.queries.reports import describe_change
from web.core.finding_text import attribute_text, small_diff, told

HOLD = {"kind": "edited", "attributes": {"hold": [False, True]}}
DOCKER = {"kind": "edited", "attributes": {}, "items": {"groups": {"removed": [], "added": ["docker"]}}}
JOB = {
    "kind": "edited",
    "attributes": {},
    "items": {"jobs": {"removed": [], "added": ["0 3 * * * /usr/local/bin/backup --all"]}},
}
DROP_IN = {
    "kind": "edited",
    "attributes": {"enabled": [True, False]},
    "texts": {
        "drop_ins": {
            "a.conf": {"kind": "edited", "hunks": [{"removed": ["Nice=5\n"], "added": ["Nice=9\n"]}]}
        }
    },
}
INSTALLED = {"kind": "created", "attributes": {"hold": [None, False], "version": [None, "1.22"]}}


@pytest.mark.parametrize(
    ("resource", "title"),
    [
        ("package:nginx", "Package nginx"),
        ("service:nginx", "Service nginx"),
        ("sysctl:net.core.somaxconn", "Kernel setting net.core.somaxconn"),
        ("cron:root", "Crontab of root"),
        ("cron:/etc/cron.d/backup", "Cron jobs in /etc/cron.d/backup"),
        ("cron:backup.timer", "Timer backup.timer"),
        ("sudoers:/etc/sudoers.d/deploy", "Sudo rules in /etc/sudoers.d/deploy"),
        ("package:", "Packages"),
        ("file:/etc/motd", "file:/etc/motd"),
        ("thing:x", "thing:x"),
    ],
)
def test_a_resource_is_called_what_people_call_it(resource: str, title: str) -> None:
    assert str(title_of(resource)) == title


@pytest.mark.parametrize(
    ("summary", "resource", "text"),
    [
        (HOLD, "package:nginx", "Changed by hand: hold: no → yes"),
        (DOCKER, "user:ana", "Changed by hand: groups: + docker"),
        (INSTALLED, "package:nginx", "Installed by hand: absent → version: 1.22"),
        ({"kind": "deleted", "attributes": {}}, "package:nginx", "Removed by hand: present → absent"),
        (DROP_IN, "service:nginx", "Changed by hand: enabled: yes → no, drop_ins a.conf: 1 line removed, 1 line added"),
        ({"kind": "edited", "attributes": {"mode": ["0644", "0600"]}}, "file:/x", "Edited by hand: mode: 0644 → 0600"),
    ],
)  # fmt: skip
def test_a_change_on_one_line(summary: dict[str, object], resource: str, text: str) -> None:
    assert told(summary, resource) == text


def test_no_word_of_files_is_said_of_what_is_none() -> None:
    assert deed(HOLD, "package:nginx") == "Changed by hand"
    assert describe_change(HOLD) == "edited: hold: no → yes"


def test_items_of_a_list_that_are_many_or_long_are_lines_of_a_card_and_not_said_twice() -> None:
    [row] = small_diff(JOB).rows
    assert row.kind == "added"
    assert attribute_text(JOB, beside_rows=True) == ""
    assert small_diff(DOCKER).rows == [] and attribute_text(DOCKER, beside_rows=False) == "groups: + docker"


def test_a_list_in_another_order_says_so_and_a_long_one_is_cut_with_its_number() -> None:
    moved = {"kind": "edited", "attributes": {}, "items": {"jobs": {"removed": ["a"], "added": ["a"]}}}
    assert value_parts(moved) == ["jobs: in another order"]
    many = {"kind": "edited", "attributes": {}, "items": {"x": {"removed": [], "added": list("abcdef")}}}
    assert value_parts(many) == ["x: + a, + b, + c and 3 more"]
