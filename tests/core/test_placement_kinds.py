"""Packages, services, accounts and the rest are folded back in their natural form, comments and order kept."""

from collections.abc import Mapping
from typing import Any

import pytest

from deployments.core.definition.model import Definition
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.placement import LiveChange, Occurrence, Placement
from deployments.core.states import ABSENT, UNDECLARED, Present, State
from tests.core.placing import DB, FLEET, WEB, by_layer, changed, place, seen

SETTINGS = b"format: 1\nwatched: [packages, services, sysctl, users, groups, cron, mounts, ports, firewall]\n"

BASE = """\
# everywhere
packages:
  nginx: {version: "1.22.1-9", hold: false}   # the front door
  telnetd: {state: absent}   # never
services:
  nginx: {enabled: true, running: true}
  app:
    # as measured in May
    drop_ins:
      # files
      limits.conf: |
        [Service]
        LimitNOFILE=1024
      env.conf: "[Service]\\n"   # by Ana
sysctl:
  net.core.somaxconn: "4096"   # for the load balancer
  vm.swappiness: {value: "10", persisted: "10"}
users:
  deploy:
    uid: 2000
    groups:
      - www-data   # to read the site
      # until the audit
      - adm
  ana: {groups: [sudo, 'adm', "www-data"], shell: /bin/bash}
groups:
  dba: {gid: 2100, members: [remote-ben]}
cron:
  deploy:
    jobs:
      # nightly
      - 0  3 * * *  /usr/local/bin/dump   # slow
      - "@reboot  true"
  backup.timer: {schedule: [OnCalendar=daily], enabled: true}
mounts:
  /srv/data: {source: /dev/sdb1, fstype: ext4, options: [noatime, nodev], persisted: true, mounted: true}
firewall:
  nft/inet/filter:
    rules:
      - tcp dport 22 accept   # always
      - drop
"""
FILES = {"definition.yaml": SETTINGS, "base/resources.yaml": BASE.encode()}
DEFINITION = parse_definition(FILES)


def change(
    resource: str, live: Mapping[str, Any] | State, base: State = UNDECLARED, redacted: int = 0
) -> LiveChange:
    state = Present(live) if isinstance(live, Mapping) else live
    return LiveChange(resource, tuple(Occurrence(host, base, state, redacted=redacted) for host in WEB[:2]))


def first(resource: str, live: Mapping[str, Any] | State, base: State = UNDECLARED) -> Placement:
    found = place(change(resource, live, base), DEFINITION)
    assert found and found[0].safe, found and found[0].why_not
    return found[0]


@pytest.mark.parametrize(
    ("resource", "live", "lines"),
    [
        (
            "package:nginx",
            {"version": "1.24.0-1", "hold": False},
            ['+  nginx: {version: "1.24.0-1", hold: false}   # the front door'],
        ),
        (
            "package:nginx",
            {"version": "1.22.1-9", "hold": True},
            ['+  nginx: {version: "1.22.1-9", hold: true}   # the front door'],
        ),
        (
            "package:nginx",
            ABSENT,
            ['+  nginx: {version: "1.22.1-9", hold: false, state: absent}   # the front door'],
        ),
        (
            "package:telnetd",
            {"version": "0.17", "hold": False},
            ['+  telnetd: {version: "0.17"}   # never'],
        ),
        (
            "service:nginx",
            {"enabled": False, "running": False, "masked": True, "drop_ins": {}},
            ["+  nginx: {enabled: false, running: false}"],
        ),
        (
            "service:app",
            {
                "enabled": True,
                "running": True,
                "masked": False,
                "drop_ins": {"limits.conf": "[Service]\nLimitNOFILE=65536\n", "env.conf": "[Service]\n"},
            },
            ["+        LimitNOFILE=65536"],
        ),
        (
            "service:app",
            {"drop_ins": {"limits.conf": "[Service]\nLimitNOFILE=1024\n", "x.conf": "[Unit]\nAfter=y\n"}},
            ["+      x.conf: |", "+        [Unit]", "+        After=y"],
        ),
        ("sysctl:net.core.somaxconn", {"value": "8192"}, ['+  net.core.somaxconn: "8192"   # for the load balancer']),
        ("sysctl:vm.swappiness", {"value": "20", "persisted": "10"}, ['+  vm.swappiness: {value: "20", persisted: "10"}']),
        ("sysctl:vm.swappiness", {"value": "10"}, ['+  vm.swappiness: {value: "10", persisted: false}']),
        ("user:deploy", {"uid": 2000, "groups": ["adm", "docker", "www-data"]}, ["+      - docker"]),
        ("user:deploy", {"uid": 2000, "groups": ["adm"]}, []),
        ("user:deploy", {"uid": 2001, "groups": ["adm", "www-data"]}, ["+    uid: 2001"]),
        (
            "user:ana",
            {"groups": ["adm", "docker", "sudo"], "shell": "/bin/bash"},
            ["+  ana: {groups: [sudo, 'adm', docker], shell: /bin/bash}"],
        ),
        ("group:dba", {"gid": 2100, "members": []}, ["+  dba: {gid: 2100, members: []}"]),
        (
            "cron:deploy",
            {"jobs": ["MAILTO=ops", "0 3 * * * /usr/local/bin/dump"]},
            ['+      - "MAILTO=ops"'],
        ),
        (
            "cron:deploy",
            {"jobs": ["0 3 * * * /usr/local/bin/dump", "0 4 * * * /usr/local/bin/check", "@reboot true"]},
            ['+      - "0 4 * * * /usr/local/bin/check"'],
        ),
        (
            "cron:backup.timer",
            {"schedule": ["OnCalendar=weekly"], "enabled": True, "running": True},
            ["+  backup.timer: {schedule: [\"OnCalendar=weekly\"], enabled: true}"],
        ),
        (
            "mount:/srv/data",
            {"persisted": False, "mounted": True, "live_source": "/dev/sdb1"},
            ["+  /srv/data: {persisted: false, mounted: true}"],
        ),
        (
            "firewall:nft/inet/filter",
            {"rules": ["tcp dport 22 accept", "tcp dport 8080 accept", "drop"]},
            ["+      - tcp dport 8080 accept"],
        ),
    ],
)  # fmt: skip
def test_a_change_is_written_where_it_is_declared_and_nothing_else_moves(
    resource: str, live: Any, lines: list[str]
) -> None:
    placement = first(resource, live)
    assert placement.layer == "base"
    added = [line for line in changed(placement) if line.startswith("+")]
    assert [line.replace('"tcp dport 8080 accept"', "tcp dport 8080 accept") for line in added] == lines
    after = (placement.edits["base/resources.yaml"] or b"").decode()
    for comment in (part.splitlines()[0] for part in BASE.split("#")[1:]):
        assert comment in after or comment in (" by Ana", " to read the site"), "of an entry that went"


def test_what_is_new_on_a_watched_host_is_declared_with_what_matters() -> None:
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("package:htop", {"version": "3.2.2-2", "hold": False}, '+  htop: {version: "3.2.2-2"}'),
        ("sysctl:fs.file-max", {"value": "99"}, '+  fs.file-max: "99"'),
        ("sysctl:fs.file-max", {"value": "9", "persisted": "9"}, '+  fs.file-max: {value: "9", persisted: "9"}'),
        (
            "user:eve",
            {"uid": 3000, "group": "eve", "groups": ["adm"], "home": "/home/eve", "shell": "/bin/sh", "comment": ""},
            "+  eve: {uid: 3000, group: eve, groups: [adm], home: /home/eve, shell: /bin/sh}",
        ),
        ("group:eve", {"gid": 3000, "members": []}, "+  eve: {gid: 3000}"),
        ("cron:ana", {"jobs": ["@daily true"]}, '+  ana: {jobs: ["@daily true"]}'),
        ("port:tcp/[::]:8080", {"process": "python3"}, '+  "tcp/[::]:8080": {process: python3}'),
        ("package:libc6:i386", {"version": "2.36", "hold": True}, '+  "libc6:i386": {version: "2.36", hold: true}'),
    ]  # fmt: skip
    for resource, live, line in cases:
        placement = by_layer(place(change(resource, live, ABSENT), DEFINITION))["base"]
        assert placement.safe, placement.why_not
        assert changed(placement)[-1] == line
        assert placement.kind_of_edit == "declare"


def test_a_new_service_is_declared_in_the_style_of_its_file() -> None:
    live = {"enabled": True, "running": True, "masked": False, "drop_ins": {}}
    found = by_layer(place(change("service:shop", live, ABSENT), DEFINITION))
    assert changed(found["base"]) == ["+  shop:", "+    enabled: true", "+    running: true"]
    assert changed(found["roles/web"]) == ["+services:", "+  shop: {enabled: true, running: true}"]


def test_of_what_nobody_declared_only_what_was_changed_by_hand_is_declared() -> None:
    was = Present({"version": "8.0", "hold": False})
    found = place(change("package:bash", {"version": "8.1", "hold": False}, was), DEFINITION)
    assert [placement.layer for placement in found] == ["roles/web", "environments/prod/roles/web",
                                                        "environments/prod", "base", "hosts/*"]  # fmt: skip
    assert changed(found[0]) == ["+packages:", '+  bash: {version: "8.1"}']
    user = Present({"uid": 1, "groups": ["b"], "shell": "/bin/sh"})
    found = place(
        change("user:daemon", {"uid": 1, "groups": ["a", "b"], "shell": "/bin/sh"}, user), DEFINITION
    )
    assert changed(found[0])[-1] == "+  daemon: {groups: [a, b]}"
    assert found[0].explanation.startswith("Declares user daemon as it is live in roles/web.")


def test_what_a_host_changes_by_itself_is_not_declared_along_with_it() -> None:
    was = Present({"enabled": True, "running": True, "masked": False, "drop_ins": {}})
    live = Present({"enabled": False, "running": False, "masked": False, "drop_ins": {}})
    counted = frozenset({"enabled", "masked"})
    watched = LiveChange("service:cups", (Occurrence(WEB[0], was, live, attributes=counted),))
    found = place(watched, DEFINITION)
    assert found[0].safe and changed(found[0])[-1] == "+  cups: {enabled: false}"
    new = LiveChange("service:cups", (Occurrence(WEB[0], ABSENT, live, attributes=counted),))
    assert changed(place(new, DEFINITION)[0])[-1] == "+  cups: {enabled: false}"


def test_what_nobody_declared_and_somebody_removed_is_declared_absent() -> None:
    found = place(change("package:less", ABSENT, Present({"version": "1", "hold": False})), DEFINITION)
    assert all(placement.safe for placement in found)
    assert changed(found[0]) == ["+packages:", "+  less: {state: absent}"]
    assert found[0].kind_of_edit == "declare" and "to be absent" in found[0].explanation


def test_a_watched_setting_that_is_persisted_no_more_is_said_so() -> None:
    was = Present({"value": "1", "persisted": "1"})
    found = place(change("sysctl:kernel.sysrq", {"value": "1"}, was), DEFINITION)
    assert found[0].safe and changed(found[0])[-1] == "+  kernel.sysrq: {persisted: false}"


def test_what_a_watched_host_has_as_at_the_first_look_needs_nothing() -> None:
    was = Present({"version": "1", "hold": False})
    assert place(change("package:less", was, was), DEFINITION) == []


def test_a_kernel_value_of_a_later_layer_is_written_as_one_value() -> None:
    found = place(change("sysctl:net.core.somaxconn", {"value": "8192"}), DEFINITION)
    role = by_layer(found)["roles/web"]
    assert role.safe and changed(role) == ['+sysctl: {net.core.somaxconn: "8192"}']


def test_one_value_in_place_of_attributes_makes_room_for_a_second() -> None:
    later = {"roles/web/resources.yaml": b'sysctl:\n  # busy\n  vm.swappiness: "10"   # here\n'}
    definition = parse_definition({**FILES, **later})
    live = {"value": "10", "persisted": "20"}
    found = by_layer(place(change("sysctl:vm.swappiness", live), definition))
    assert changed(found["roles/web"])[-1] == '+  vm.swappiness: {value: "10", persisted: "20"}   # here'
    assert changed(found["base"])[-1] == '+  vm.swappiness: {value: "10", persisted: "20"}'


def test_an_access_list_that_somebody_set_is_declared_with_its_file() -> None:
    definition = parse_definition(
        {"definition.yaml": b"format: 1\n", "base/resources.yaml": b"files:\n  /a: {mode: '0640'}\n"}
    )
    live = {"type": "file", "mode": "0640", "acl": ["user:ana:r--"], "capabilities": "cap_net_raw=ep"}
    found = place(LiveChange("file:/a", (seen(DB, Present(live)),)), definition, [DB])
    assert found[0].safe
    assert changed(found[0])[-1] == (
        "+  /a: {mode: '0640', acl: ['user:ana:r--'], capabilities: 'cap_net_raw=ep'}".replace("'user", '"user')
        .replace("--'", '--"').replace("'cap_net_raw=ep'", '"cap_net_raw=ep"')
    )  # fmt: skip
    after = parse_definition(
        {**definition.files, **{k: v for k, v in found[0].edits.items() if v is not None}}
    )
    plain = {"type": "file", "mode": "0640"}
    found = place(LiveChange("file:/a", (seen(DB, Present(plain)),)), after, [DB])
    assert found[0].safe and 'acl: [], capabilities: ""' in changed(found[0])[-1]


@pytest.mark.parametrize(
    "live", [{"jobs": ["0 3 * * * mysqldump -psecret1 shop"]}, {"jobs": ["x [redacted]"]}]
)
def test_a_command_that_holds_a_secret_is_never_folded(live: dict[str, Any]) -> None:
    (only,) = place(change("cron:deploy", live), DEFINITION)
    assert not only.safe and "secrets are never folded back" in only.why_not and only.edits == {}


def test_a_state_from_which_a_secret_was_taken_is_never_folded() -> None:
    live = {"enabled": False, "running": False}
    (only,) = place(change("service:nginx", live, redacted=1), DEFINITION)
    assert not only.safe and "taken out" in only.why_not


def test_hosts_that_differ_get_their_own_values() -> None:
    occurrences = tuple(
        Occurrence(host, UNDECLARED, Present({"version": f"1.{n}", "hold": False}))
        for n, host in enumerate(WEB[:2])
    )
    found = by_layer(place(LiveChange("package:nginx", occurrences), DEFINITION))
    assert not found["base"].safe and "different values" in found["base"].why_not
    assert found["hosts/*"].safe


def test_a_thing_that_no_section_knows_is_not_folded() -> None:
    (only,) = place(change("host_key:web-1", {"fingerprint": "x"}), DEFINITION)
    assert not only.safe and "no section" in only.why_not


def reached(placement: Placement) -> str:
    return placement.explanation


def test_the_reach_of_an_edit_is_told_for_packages_too() -> None:
    found = place(change("package:nginx", {"version": "2", "hold": False}), DEFINITION, FLEET)
    assert f"base reaches {len(FLEET)} hosts, 2 of them with this change." in reached(found[0])


def test_a_definition_without_watched_kinds_says_nothing_of_them() -> None:
    unwatched: Definition = parse_definition({"definition.yaml": b"format: 1\n"})
    found = place(change("package:less", {"version": "2"}, Present({"version": "1"})), unwatched)
    assert found[-1].layer == "hosts/*" and found[0].safe
