"""The sections of what is not a path: packages, services, accounts, and what else a host can be asked to list.

`in_state` of each are the attributes of its kind in `deployments.kinds`; a test holds them together.
"""

from deployments.core.canonical import lines, unordered, words
from deployments.core.definition import checks
from deployments.core.definition import checks_system as system
from deployments.core.definition.checks import Check
from deployments.core.definition.section import Section

_YES: Check = checks.boolean


def _with_state(**attributes: Check) -> dict[str, Check]:
    return {**attributes, "state": checks.presence}


SYSTEM_SECTIONS = (
    Section(
        name="packages",
        kind="package",
        key=system.package_name,
        attributes=_with_state(version=system.version, hold=_YES),
        in_state=("version", "hold"),
        example='version: "1.22.1-9"',
        leaves_out={"hold": False},
    ),
    Section(
        name="services",
        kind="service",
        key=system.unit_name,
        attributes=_with_state(enabled=_YES, running=_YES, masked=_YES, drop_ins=system.drop_ins),
        in_state=("enabled", "running", "masked", "drop_ins"),
        example="enabled: true, running: true",
        leaves_out={"masked": False, "drop_ins": {}},
    ),
    Section(
        name="sysctl",
        kind="sysctl",
        key=system.sysctl_key,
        attributes=_with_state(value=system.value, persisted=system.value_or_false),
        in_state=("value", "persisted"),
        canonical={"value": words, "persisted": words},
        optional={"persisted": False},
        shorthand="value",
        example='value: "4096"',
    ),
    Section(
        name="users",
        kind="user",
        key=system.account_name,
        attributes=_with_state(
            uid=system.number,
            group=checks.account,
            groups=system.account_list,
            home=system.path_or_nothing,
            shell=system.path_or_nothing,
            comment=system.one_line_or_nothing,
        ),
        in_state=("uid", "group", "groups", "home", "shell", "comment"),
        canonical={"groups": unordered},
        example="uid: 2000, groups: [www-data]",
        leaves_out={"comment": "", "groups": []},
    ),
    Section(
        name="groups",
        kind="group",
        key=system.account_name,
        attributes=_with_state(gid=system.number, members=system.account_list),
        in_state=("gid", "members"),
        canonical={"members": unordered},
        example="gid: 2000",
        leaves_out={"members": []},
    ),
    Section(
        name="cron",
        kind="cron",
        key=system.cron_key,
        attributes=_with_state(jobs=system.jobs, schedule=system.lines_list, enabled=_YES, running=_YES),
        in_state=("jobs", "schedule", "enabled", "running"),
        canonical={"jobs": lines, "schedule": lines},
        fits=system.cron_fits,
        example='jobs: ["0 3 * * * /usr/local/bin/backup"]',
    ),
    Section(
        name="mounts",
        kind="mount",
        key=checks.absolute_path,
        attributes=_with_state(
            source=system.one_line,
            fstype=system.one_line,
            options=system.words_list,
            persisted=_YES,
            mounted=_YES,
            live_source=system.one_line,
            live_fstype=system.one_line,
            live_options=system.words_list,
        ),
        in_state=(
            "source",
            "fstype",
            "options",
            "persisted",
            "mounted",
            "live_source",
            "live_fstype",
            "live_options",
        ),
        canonical={"options": unordered, "live_options": unordered},
        optional=dict.fromkeys(
            ("source", "fstype", "options", "live_source", "live_fstype", "live_options"), None
        ),
        example="source: /dev/sdb1, fstype: ext4",
    ),
    Section(
        name="kernel_modules",
        kind="kernel_module",
        key=system.module_name,
        attributes=_with_state(loaded=_YES, at_boot=_YES, blacklisted=_YES),
        in_state=("loaded", "at_boot", "blacklisted"),
        example="loaded: true, at_boot: true",
        leaves_out={"at_boot": False, "blacklisted": False},
    ),
    Section(
        name="ports",
        kind="port",
        key=system.port_key,
        attributes=_with_state(process=system.one_line_or_nothing),
        in_state=("process",),
        example="process: nginx",
    ),
    Section(
        name="firewall",
        kind="firewall",
        key=system.firewall_key,
        attributes=_with_state(rules=system.lines_list),
        in_state=("rules",),
        canonical={"rules": lines},
        example="rules: […]",
    ),
    Section(
        name="containers",
        kind="container",
        key=system.container_key,
        attributes=_with_state(
            image=system.one_line_or_nothing,
            image_id=system.one_line_or_nothing,
            running=_YES,
            restart=system.one_line_or_nothing,
            ports=system.words_list,
        ),
        in_state=("image", "image_id", "running", "restart", "ports"),
        canonical={"ports": unordered},
        example="image: …, running: true",
    ),
    Section(
        name="sudoers",
        kind="sudoers",
        key=checks.file_path,
        attributes=_with_state(rules=system.lines_list),
        in_state=("rules",),
        canonical={"rules": lines},
        example='rules: ["%ops ALL=(ALL) ALL"]',
    ),
    Section(
        name="authorized_keys",
        kind="authorized_keys",
        key=checks.file_path,
        attributes=_with_state(keys=system.words_list),
        in_state=("keys",),
        canonical={"keys": unordered},
        example="keys: [SHA256:…]",
    ),
)
