"""Where the definition has moved since a change by hand, the fold-back keeps both, or says why it can't."""

from typing import Any

import pytest

from deployments.core.definition.parse import parse_definition
from deployments.core.definition.placement import LiveChange, Occurrence, Placement
from deployments.core.definition.placement_merge import holds_change
from deployments.core.definition.render import desired_resource
from deployments.core.states import ABSENT, Present
from tests.core.placing import APP, DEFINITION, ISSUE, NGINX, WEB, by_layer, changed, place, present, tree

BASE = """\
packages:
  nginx: {version: "1.24", hold: false}
users:
  deploy: {uid: 2000, groups: [www-data, docker]}   # since May
services:
  app:
    drop_ins: {a.conf: "[Service]\\nA=2\\nB=1\\n", c.conf: "x\\n"}
cron:
  deploy:
    jobs:
      - "@daily one"
      - "@daily two"   # twice
      - "@daily three"
"""


def joined(
    resource: str, base: dict[str, Any], live: dict[str, Any], text: str = BASE, **more: Any
) -> list[Placement]:
    definition = parse_definition({"definition.yaml": b"format: 1\n", "base/resources.yaml": text.encode()})
    occurrence = Occurrence(WEB[0], Present(base), Present(live), **more)
    return place(LiveChange(resource, (occurrence,)), definition)


def test_what_was_changed_by_hand_and_what_the_definition_changed_stand_side_by_side() -> None:
    found = joined("package:nginx", {"version": "1.22", "hold": False}, {"version": "1.22", "hold": True})
    assert found[0].safe and not found[0].takes_back
    assert changed(found[0]) == [
        '-  nginx: {version: "1.24", hold: false}',
        '+  nginx: {version: "1.24", hold: true}',
    ]
    assert "keeps what it says by now" in found[0].explanation


def test_one_attribute_that_both_changed_is_decided_for_what_is_live_and_says_so() -> None:
    found = joined("package:nginx", {"version": "1.22", "hold": False}, {"version": "1.23", "hold": False})
    assert found[0].safe and found[0].takes_back
    assert "can't be joined: both changed version" in found[0].explanation
    assert changed(found[0])[-1] == '+  nginx: {version: "1.23", hold: false}'


def test_a_set_takes_in_what_was_added_and_lets_go_what_was_taken_out() -> None:
    base, live = {"uid": 2000, "groups": ["adm", "www-data"]}, {"uid": 2000, "groups": ["adm", "ops"]}
    found = joined("user:deploy", base, live)
    assert changed(found[0])[-1] == "+  deploy: {uid: 2000, groups: [docker, ops]}   # since May"
    assert not found[0].takes_back


def test_lines_and_drop_ins_are_joined_too() -> None:
    found = joined(
        "cron:deploy",
        {"jobs": ["@daily one", "@daily three"]},
        {"jobs": ["@daily one", "@daily three", "@hourly four"]},
    )
    assert changed(found[0]) == ['+      - "@hourly four"']
    was = {"a.conf": "[Service]\nA=1\nB=1\n", "b.conf": "y\n"}
    found = joined("service:app", {"drop_ins": was}, {"drop_ins": {**was, "d.conf": "z\n"}})
    assert found[0].safe and 'd.conf: "z\\n"' in changed(found[0])[-1]
    found = joined("service:app", {"drop_ins": was}, {"drop_ins": {**was, "a.conf": "[Service]\nA=3\nB=1\n"}})
    assert found[0].takes_back and "both changed drop_ins a.conf" in found[0].explanation


def test_a_job_at_the_place_where_the_definition_put_another_is_not_guessed() -> None:
    found = joined(
        "cron:deploy",
        {"jobs": ["@daily one", "@daily three"]},
        {"jobs": ["@daily one", "@hourly four", "@daily three"]},
    )
    assert found[0].takes_back and "both changed line 2 of jobs" in found[0].explanation


def of_text(base: bytes, live: bytes, head: str, **attributes: Any) -> list[Placement]:
    """/srv/app/app.ini, a source file, edited by hand while `head` was committed."""
    definition = parse_definition(tree({"roles/web/files/srv/app/app.ini": head}))
    occurrences = tuple(
        Occurrence(
            host,
            present(base, mode="0640"),
            present(live, **{"mode": "0640"} | attributes),
            live,
            base_content=base,
        )
        for host in WEB[:2]
    )
    return place(LiveChange(APP, occurrences), definition)


BEFORE = b"[app]\nport = 80\nname = x\n"


def test_lines_of_a_file_that_both_changed_are_joined() -> None:
    found = of_text(BEFORE, BEFORE.replace(b"= x", b"= y"), "[app]\nport = 443\nname = x\n", mode="0600")
    assert found[0].edits["roles/web/files/srv/app/app.ini"] == b"[app]\nport = 443\nname = y\n"
    assert 'mode: "0600"' in found[0].patch
    assert all(placement.safe and not placement.takes_back for placement in found)


def test_the_same_line_is_left_to_a_person() -> None:
    found = of_text(BEFORE, BEFORE.replace(b"80", b"81"), "[app]\nport = 443\nname = x\n")
    assert found[0].takes_back and "both changed line 2" in found[0].explanation
    assert changed(found[0]) == ["-port = 443", "+port = 81"]


def test_a_text_that_nobody_knows_any_more_can_not_be_joined() -> None:
    definition = parse_definition(tree({"roles/web/files/srv/app/app.ini": "[app]\nport = 443\n"}))
    live = b"[app]\nport = 80\nname = y\n"
    occurrence = Occurrence(WEB[0], present(BEFORE, mode="0640"), present(live, mode="0640"), live)
    found = place(LiveChange(APP, (occurrence,)), definition)
    assert found[0].takes_back and "not known any more" in found[0].explanation


def test_only_the_mode_was_changed_by_hand_and_the_text_by_the_definition() -> None:
    base = present(b"old\n", mode="0644")
    occurrence = Occurrence(WEB[0], base, present(b"old\n", mode="0600"))
    found = place(LiveChange(ISSUE, (occurrence,)), DEFINITION)
    assert changed(found[0]) == ['-    mode: "0644"   # as always', '+    mode: "0600"   # as always']


def test_in_a_template_only_the_edit_by_hand_is_written() -> None:
    occurrences = []
    for host in WEB[:2]:
        desired = desired_resource(DEFINITION, host, NGINX)
        assert desired is not None and desired.content is not None
        base = desired.content.replace(b"worker_processes 4", b"worker_processes 2")
        live = base.replace(b"1024", b"4096")
        occurrences.append(Occurrence(host, present(base), present(live), live, base_content=base))
    found = place(LiveChange(NGINX, tuple(occurrences)))
    assert changed(by_layer(found)["roles/web"]) == [
        "-    worker_connections 1024;",
        "+    worker_connections 4096;",
    ]


def test_what_the_definition_has_already_beside_something_newer_needs_nothing() -> None:
    base, live = {"uid": 2000, "groups": ["www-data"]}, {"uid": 2000, "groups": ["docker", "www-data"]}
    newer = BASE.replace("uid: 2000", "uid: 2001")
    assert joined("user:deploy", base, live, newer) == []


@pytest.mark.parametrize("live", [ABSENT, Present({"version": "1.22", "hold": True})])
def test_where_one_side_removed_it_nothing_is_joined(live: Any) -> None:
    text = BASE if live == ABSENT else BASE.replace("hold: false", "state: absent")
    definition = parse_definition({"definition.yaml": b"format: 1\n", "base/resources.yaml": text.encode()})
    occurrence = Occurrence(WEB[0], Present({"version": "1.22", "hold": False}), live)
    found = place(LiveChange("package:nginx", (occurrence,)), definition)
    assert found[0].takes_back and "removed it" in found[0].explanation


def test_the_definition_holds_a_change_only_where_all_of_it_is_there() -> None:
    definition = parse_definition({"definition.yaml": b"format: 1\n", "base/resources.yaml": BASE.encode()})
    desired = desired_resource(definition, WEB[0], "user:deploy")
    assert desired is not None

    def holds(base: list[str], live: list[str], uid: int = 2000) -> bool:
        states = (
            Present({"uid": number, "groups": groups}) for number, groups in ((2000, base), (uid, live))
        )
        return holds_change(desired, Occurrence(WEB[0], *states))

    assert holds(["www-data"], ["docker", "www-data"])
    assert holds(["adm", "www-data"], ["www-data"])
    assert not holds(["www-data"], ["ops", "www-data"])
    assert not holds(["docker"], [])
    assert not holds(["www-data"], ["docker", "www-data"], uid=2001)
