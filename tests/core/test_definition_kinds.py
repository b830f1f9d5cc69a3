"""Sections of what is not a path: how they are written, what is refused and why, and what state they become."""

from typing import Any

import pytest

from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest, desired_resource
from deployments.core.definition.sections import KIND_TO_SECTION, SECTIONS, WATCHABLE
from deployments.core.states import ABSENT, Present
from deployments.kinds.registry import LISTED
from inventory.core.host_view import HostView
from tests.core.test_definition_parse import only_problem, tree

WEB = HostView("web-1", "prod", ("web",))

EVERYTHING = """\
packages:
  nginx: {version: "1.22.1-9+deb12u1", hold: true}
  libc6:i386: {}
  telnetd: {state: absent}
services:
  nginx: {enabled: true, running: true, masked: false}
  docker.socket: {enabled: false}
  app@1:
    drop_ins:
      limits.conf: |
        [Service]
        LimitNOFILE=65536
sysctl:
  net.core.somaxconn: "4096"
  net.ipv4.tcp_rmem: {value: "4096\\t131072   6291456", persisted: "4096 131072 6291456"}
  vm.swappiness: {value: "10", persisted: false}
users:
  deploy: {uid: 2000, group: deploy, groups: [www-data, adm, adm], home: /srv/deploy, shell: /bin/bash, comment: ""}
groups:
  deploy: {gid: 2000, members: []}
cron:
  deploy: {jobs: ["0 3 * * *   /usr/local/bin/backup", "@reboot\\ttrue"]}
  /etc/cron.d/app: {jobs: [MAILTO=ops, "*/5 * * * * app /srv/app/tick"]}
  backup.timer: {schedule: [OnCalendar=daily], enabled: true}
mounts:
  /srv/data: {source: /dev/sdb1, fstype: ext4, options: [noatime, nodev], persisted: true, mounted: true}
kernel_modules:
  nf_conntrack: {loaded: true, at_boot: true}
ports:
  tcp/0.0.0.0:80: {process: nginx}
  tcp/[::1]:6379: {state: absent}
firewall:
  nft/inet/filter: {rules: ["chain input {", "tcp dport 22  accept"]}
containers:
  docker/cache: {image: "redis:7", running: true}
sudoers:
  /etc/sudoers.d/ops: {rules: ["%ops ALL=(ALL)   ALL"]}
authorized_keys:
  /root/.ssh/authorized_keys: {keys: ["SHA256:b ana", "SHA256:a ben"]}
files:
  /etc/motd: {acl: ["user:ana:rw-"], capabilities: ""}
"""


def state_of(resource: str, text: str = EVERYTHING) -> Any:
    desired = desired_resource(parse_definition(tree(text)), WEB, resource)
    assert desired is not None
    return dict(desired.state.data) if isinstance(desired.state, Present) else desired.state


def test_every_section_is_written_once_in_the_example() -> None:
    definition = parse_definition(tree(EVERYTHING))
    kinds = {resource.partition(":")[0] for resource in desired_manifest(definition, WEB).resources}
    assert kinds == KIND_TO_SECTION.keys() - {"directory", "symlink"}


@pytest.mark.parametrize(
    ("resource", "state"),
    [
        ("package:nginx", {"version": "1.22.1-9+deb12u1", "hold": True}),
        ("package:libc6:i386", {}),
        ("package:telnetd", ABSENT),
        ("service:nginx", {"enabled": True, "running": True, "masked": False}),
        ("service:app@1", {"drop_ins": {"limits.conf": "[Service]\nLimitNOFILE=65536\n"}}),
        ("sysctl:net.core.somaxconn", {"value": "4096"}),
        ("sysctl:net.ipv4.tcp_rmem", {"value": "4096 131072 6291456", "persisted": "4096 131072 6291456"}),
        ("cron:deploy", {"jobs": ["0 3 * * * /usr/local/bin/backup", "@reboot true"]}),
        ("port:tcp/[::1]:6379", ABSENT),
        ("firewall:nft/inet/filter", {"rules": ["chain input {", "tcp dport 22 accept"]}),
        ("sudoers:/etc/sudoers.d/ops", {"rules": ["%ops ALL=(ALL) ALL"]}),
        ("authorized_keys:/root/.ssh/authorized_keys", {"keys": ["SHA256:a ben", "SHA256:b ana"]}),
    ],
)
def test_what_is_declared_becomes_the_state_that_hosts_show(resource: str, state: Any) -> None:
    assert state_of(resource) == state


def test_lists_without_an_order_are_sorted_in_states_and_each_item_counts_once() -> None:
    assert state_of("user:deploy")["groups"] == ["adm", "www-data"]
    assert state_of("mount:/srv/data")["options"] == ["noatime", "nodev"]


def test_declaring_that_there_is_none_is_declared_though_no_state_shows_it() -> None:
    definition = parse_definition(tree(EVERYTHING))
    swappiness = desired_resource(definition, WEB, "sysctl:vm.swappiness")
    assert swappiness is not None and isinstance(swappiness.state, Present)
    assert dict(swappiness.state.data) == {"value": "10"}
    assert swappiness.attributes == {"value", "persisted"}


def test_access_lists_and_capabilities_are_compared_where_nobody_declared_them() -> None:
    definition = parse_definition(
        tree("files:\n  /etc/motd: {}\n  /a: {acl: ['user:ana:r--']}\n  /b: {acl: []}\n")
    )
    motd, a, b = (desired_resource(definition, WEB, f"file:{path}") for path in ("/etc/motd", "/a", "/b"))
    assert motd and a and b and isinstance(a.state, Present)
    assert (motd.attributes, motd.implied) == ({"type"}, {"acl", "capabilities"})
    assert motd.compared == {"type", "acl", "capabilities"}
    assert (a.attributes, a.implied) == ({"type", "acl"}, {"capabilities"})
    assert a.state.data["acl"] == ["user:ana:r--"]
    assert b.state == motd.state and b.attributes == a.attributes


def test_what_must_not_be_there_is_compared_whole() -> None:
    telnetd = desired_resource(parse_definition(tree(EVERYTHING)), WEB, "package:telnetd")
    assert telnetd is not None and telnetd.attributes == {"version", "hold"}
    assert telnetd.origins["version"].line == 4


def test_an_item_of_a_later_layer_replaces_the_list() -> None:
    files = tree(
        "users:\n  deploy: {uid: 2000, groups: [adm]}\n",
        **{"roles/web/resources.yaml": b"users:\n  deploy: {groups: [www-data]}\n"},
    )
    desired = desired_resource(parse_definition(files), WEB, "user:deploy")
    assert desired is not None and isinstance(desired.state, Present)
    assert dict(desired.state.data) == {"uid": 2000, "groups": ["www-data"]}
    assert (desired.origins["uid"].layer, desired.origins["groups"].layer) == ("base", "roles/web")


def test_a_kernel_value_may_be_taken_back_as_scalar_and_as_mapping() -> None:
    later = b"sysctl: {net.core.somaxconn: {persisted: '4096'}, vm.swappiness: null}\n"
    files = tree(
        "sysctl: {net.core.somaxconn: '4096', vm.swappiness: '10'}\n", **{"roles/web/resources.yaml": later}
    )
    manifest = desired_manifest(parse_definition(files), WEB)
    assert list(manifest.resources) == ["sysctl:net.core.somaxconn"]
    assert manifest.resources["sysctl:net.core.somaxconn"].attributes == {"value", "persisted"}


def test_watched_sections_become_kinds_on_the_manifest() -> None:
    settings = b"format: 1\nwatched: [packages, /etc, users, packages]\n"
    definition = parse_definition(tree("", **{"definition.yaml": settings}))
    assert definition.watched == ("packages", "/etc", "users")
    assert desired_manifest(definition, WEB).watched == ("package", "user")
    assert desired_manifest(parse_definition(tree("")), WEB).watched == ()


def test_every_section_but_those_of_paths_can_be_watched() -> None:
    assert set(WATCHABLE) == SECTIONS.keys() - {"files", "directories", "symlinks"}


@pytest.mark.parametrize("kind", LISTED, ids=lambda kind: kind.name)
def test_a_listed_kind_and_its_section_speak_of_the_same_attributes(kind: Any) -> None:
    section = SECTIONS[kind.section]
    assert section.kind == kind.name
    assert set(section.in_state) == set(kind.attributes)


MISTAKES = {
    "a version as a number": ("packages: {nginx: {version: 1.22}}", "1.22 is a number", '"1.22"'),
    "a version with a space": (
        'packages: {nginx: {version: "1.22 or so"}}',
        "can't be a version",
        '"1.22.1-9"',
    ),
    "a version standing alone": ('packages: {nginx: "1.22"}', "expected attributes", "version:"),
    "a package with a slash": ("packages: {nginx/stable: {}}", "can't be the name of a package", "nginx"),
    "hold in quotes": ("packages: {nginx: {hold: 'true'}}", "expected true or false", "without quotes"),
    "a unit with its ending": ("services: {nginx.service: {}}", "without its ending", "Write nginx."),
    "a timer among services": ("services: {a.timer: {}}", "is a timer", "under cron"),
    "a drop-in without .conf": ("services: {a: {drop_ins: {limits: x}}}", "name of a drop-in", ".conf"),
    "drop-ins in a list": ("services: {a: {drop_ins: [x]}}", "mapping of file names", "limits.conf"),
    "a drop-in that is a number": (
        "services: {a: {drop_ins: {a.conf: 5}}}",
        "a.conf: expected text",
        "quotes",
    ),
    "a kernel value as a number": ("sysctl: {net.core.somaxconn: 4096}", "value: 4096 is a number", '"4096"'),
    "a kernel value that is a truth": ("sysctl: {kernel.x: {value: true}}", "is a truth value", '"true"'),
    "a kernel value of two lines": ('sysctl: {kernel.x: "a\\nb"}', "line break", "one line"),
    "a kernel setting with slashes": ("sysctl: {net/core/somaxconn: '1'}", "slashes", "net.core.somaxconn"),
    "a kernel setting in a list": ("sysctl: {kernel.x: [1]}", "expected attributes, found a list", "value:"),
    "a uid in quotes": ('users: {deploy: {uid: "2000"}}', "'2000' is text", "without quotes: 2000"),
    "a uid below nothing": ("users: {deploy: {uid: -1}}", "a whole number", "as the host shows it"),
    "a uid that is true": ("users: {deploy: {uid: true}}", "a whole number", "as the host shows it"),
    "groups that are no list": ("users: {deploy: {groups: adm}}", "expected a list", "[www-data, adm]"),
    "a group that is a number": ("users: {deploy: {groups: [4]}}", "expected a name", '"4"'),
    "a relative home": ("users: {deploy: {home: srv}}", "not an absolute path", "slash"),
    "a user with a colon": ("users: {'a:b': {}}", "can't be the name of a user", "as the host has it"),
    "a password": ("users: {deploy: {password: x}}", "not an attribute of users", "Known are"),
    "jobs that are text": ("cron: {deploy: {jobs: '* * * * * x'}}", "expected a list", "after '- '"),
    "a comment as a job": ("cron: {deploy: {jobs: ['# nightly']}}", "a comment, not a job", "one of YAML"),
    "an empty job": ("cron: {deploy: {jobs: ['']}}", "the text is empty", "leave the attribute out"),
    "jobs of a timer": ("cron: {a.timer: {jobs: []}}", "a timer has no jobs", "schedule"),
    "a schedule of a crontab": ("cron: {deploy: {schedule: [daily]}}", "a crontab has no schedule", "jobs"),
    "a relative crontab": ("cron: {etc/cron.d/x: {}}", "not an absolute path", "slash"),
    "options as in fstab": (
        "mounts: {/srv: {options: 'noatime,nodev'}}",
        "expected a list",
        "[noatime, nodev]",
    ),
    "a module with a dash": ("kernel_modules: {nf-conntrack: {}}", "is never seen", "nf_conntrack"),
    "a port alone": ("ports: {'80': {}}", "listening port", "tcp/0.0.0.0:80"),
    "a table alone": ("firewall: {filter: {}}", "table of a firewall", "nft/inet/filter"),
    "a container alone": ("containers: {cache: {}}", "a container", "docker/NAME"),
    "a sudoers rule alone": ("sudoers: {/etc/sudoers: {rules: ALL}}", "expected a list", "after '- '"),
    "keys that are a number": ("authorized_keys: {/a: {keys: [5]}}", "5 is a number", "in quotes"),
    "an access list that is text": ("files: {/a: {acl: 'user:ana:rw-'}}", "expected a list", "Write a list"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_what_to_do(mistake: str) -> None:
    text, message, remedy = MISTAKES[mistake]
    problem = only_problem(tree(text))
    assert message in problem.message
    assert remedy in problem.remedy
