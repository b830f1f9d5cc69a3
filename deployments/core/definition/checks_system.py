"""Keys and attributes of what is not a path. Like `checks`: each takes a parsed node (or a key) and answers None
or a Fault."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from deployments.core.definition import checks
from deployments.core.definition.checks import MAX_NAME_BYTES, MAX_PATH_BYTES, has_control_characters
from deployments.core.definition.yaml_read import Fault, Node, Scalar, Sequence
from deployments.core.definition.yaml_read import Mapping as MappingNode

MAX_NUMBER = 2**32 - 2
"""The largest user or group id; the one after it means "nobody asked"."""
MAX_LINE = 16_384
MAX_DROP_IN = 256 * 1024

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(?::[a-z0-9_-]+)?", re.ASCII)
_VERSION = re.compile(r"\S{1,255}")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+", re.ASCII)
_SYSCTL = re.compile(r"[a-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_/*:@-]+)+", re.ASCII)
_MODULE = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_PORT = re.compile(r"(?:tcp|udp|udplite|sctp|dccp|mptcp|raw)/[^\s/]+:(?:[0-9]{1,5}|\*)")
_FIREWALL = re.compile(r"nft/[a-z0-9]+/[^\s/]+|ip6?tables/[a-z]+")
_CONTAINER = re.compile(r"(?:docker|podman)/[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]{0,254}\$?", re.ASCII)
_CRON_USER_OR_TIMER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.\\@$-]*", re.ASCII)

# --- keys ------------------------------------------------------------------------------------------------------


def package_name(key: str) -> Fault | None:
    return _key(_PACKAGE, key, "package", "Write its name as the package manager shows it, as in nginx.")


def unit_name(key: str) -> Fault | None:
    if key.endswith(".service"):
        return Fault(
            f"'{key[:80]}' is shown without its ending.", f"Write {key[:80].removesuffix('.service')}."
        )
    if key.endswith(".timer"):
        return Fault(f"'{key[:80]}' is a timer.", "Declare it under cron.")
    return _key(
        _UNIT, key, "service", "Write nginx for nginx.service, and other units in full: docker.socket."
    )


def sysctl_key(key: str) -> Fault | None:
    if "/" in key and "." not in key:
        return Fault(
            f"'{key[:80]}' is written with slashes.", f"Write {key[:80].strip('/').replace('/', '.')}."
        )
    return _key(_SYSCTL, key, "kernel setting", "Write it with dots, as in net.core.somaxconn.")


def account_name(key: str) -> Fault | None:
    return _key(_ACCOUNT, key, "user or group", "Write the name as the host has it.")


def cron_key(key: str) -> Fault | None:
    """A user, a timer, or the path of a table of jobs."""
    if "/" in key:
        return checks.file_path(key)
    remedy = "Write a user's name, a path as in /etc/cron.d/backup, or a timer as in backup.timer."
    return _key(_CRON_USER_OR_TIMER, key, "crontab", remedy)


def module_name(key: str) -> Fault | None:
    if "-" in key:
        remedy = f"Write {key[:80].replace('-', '_')}: hosts show modules with '_'."
        return Fault(f"'{key[:80]}' is never seen.", remedy)
    return _key(_MODULE, key, "kernel module", "Write its name as lsmod shows it.")


def port_key(key: str) -> Fault | None:
    remedy = "Write protocol, address and port, as in tcp/0.0.0.0:80 or tcp/[::]:80."
    return _key(_PORT, key, "listening port", remedy)


def firewall_key(key: str) -> Fault | None:
    remedy = "Write nft/FAMILY/TABLE, iptables/TABLE or ip6tables/TABLE, as in nft/inet/filter."
    return _key(_FIREWALL, key, "table of a firewall", remedy)


def container_key(key: str) -> Fault | None:
    return _key(_CONTAINER, key, "container", "Write docker/NAME or podman/NAME.")


def _key(pattern: re.Pattern[str], key: str, what: str, remedy: str) -> Fault | None:
    if pattern.fullmatch(key) and len(key.encode()) <= MAX_NAME_BYTES:
        return None
    return Fault(f"'{key[:80]}' can't be the name of a {what}.", remedy)


# --- values ----------------------------------------------------------------------------------------------------


def version(node: Node) -> Fault | None:
    if fault := _quoted_text(node, "a version"):
        return fault
    if isinstance(node, Scalar) and _VERSION.fullmatch(node.text) and not has_control_characters(node.text):
        return None
    return Fault("that can't be a version.", 'Write it as the package manager shows it: version: "1.22.1-9".')


def value(node: Node) -> Fault | None:
    """The value of a kernel setting: text, since hosts show text."""
    return _quoted_text(node, "a value") or one_line_or_nothing(node)


def value_or_false(node: Node) -> Fault | None:
    if isinstance(node, Scalar) and node.value is False:
        return None
    return value(node)


def number(node: Node) -> Fault | None:
    if isinstance(node, Scalar):
        found = node.value
        if isinstance(found, int) and not isinstance(found, bool) and 0 <= found <= MAX_NUMBER:
            return None
        if isinstance(found, str) and found.isascii() and found.isdigit():
            return Fault(f"'{found[:40]}' is text.", f"Write the number without quotes: {int(found[:40])}.")
    message = f"expected a whole number from 0 to {MAX_NUMBER}, found {checks.describe(node)}."
    return Fault(message, "Write the number as the host shows it.")


def one_line(node: Node) -> Fault | None:
    if fault := one_line_or_nothing(node):
        return fault
    if isinstance(node, Scalar) and not node.text.strip():
        return Fault("the text is empty.", "Write what it should be, or leave the attribute out.")
    return None


def one_line_or_nothing(node: Node) -> Fault | None:
    if fault := _quoted_text(node, "text"):
        return fault
    return _line(node.text if isinstance(node, Scalar) else "")


def path_or_nothing(node: Node) -> Fault | None:
    """A path as the host has it, which need not be in its normal form."""
    if fault := one_line_or_nothing(node):
        return fault
    if isinstance(node, Scalar) and node.text and not node.text.startswith("/"):
        return Fault(f"'{node.text[:80]}' is not an absolute path.", "Begin it with a slash, as in /srv/app.")
    return None


def account_list(node: Node) -> Fault | None:
    return _list(node, checks.account, "[www-data, adm]")


def words_list(node: Node) -> Fault | None:
    return _list(node, one_line, "[noatime, nodev]")


def lines_list(node: Node) -> Fault | None:
    return _list(node, one_line, "one line an item, after '- '")


def jobs(node: Node) -> Fault | None:
    """Lines of a crontab."""
    if fault := lines_list(node):
        return fault
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar) and item.text.lstrip().startswith("#"):
            remedy = "Write the comment as one of YAML, before the item: hosts are asked for jobs only."
            return Fault(f"'{item.text.strip()[:40]}' is a comment, not a job.", remedy)
    return None


def drop_ins(node: Node) -> Fault | None:
    """File name → text, as in the unit's directory NAME.d."""
    if not isinstance(node, MappingNode):
        message = f"expected a mapping of file names, found {checks.describe(node)}."
        return Fault(message, 'Write {limits.conf: "[Service]\\nLimitNOFILE=65536\\n"}.')
    for key, content in node.entries:
        name = key.text
        if "/" in name or not name.endswith(".conf") or has_control_characters(name) or len(name) > 255:
            return Fault(
                f"'{name[:80]}' can't be the name of a drop-in.", "It ends with .conf, without a slash."
            )
        if fault := checks.text(content):
            return Fault(f"{name}: {fault.message}", fault.remedy)
        if isinstance(content, Scalar) and len(content.text.encode()) > MAX_DROP_IN:
            return Fault(f"{name} is larger than {MAX_DROP_IN // 1024} KiB.", "Shorten it.")
    return None


def cron_fits(key: str, given: Mapping[str, Any]) -> Fault | None:
    """Timers have a schedule, crontabs have jobs."""
    timer = key.endswith(".timer")
    wrong = ("jobs",) if timer else ("schedule", "enabled", "running")
    if name := next((name for name in wrong if name in given), None):
        has = "schedule, enabled and running" if timer else "jobs"
        return Fault(f"{key}: a {'timer' if timer else 'crontab'} has no {name}.", f"It has {has}.")
    return None


def _quoted_text(node: Node, what: str) -> Fault | None:
    """Text, and for a number or a truth value how to make it text."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return None
    if not isinstance(node, Scalar) or node.value is None:
        return Fault(f"expected {what}, found {checks.describe(node)}.", "Write one text.")
    shown = node.text[:80]
    message = f"{shown} is {'a truth value' if isinstance(node.value, bool) else 'a number'} to YAML."
    return Fault(message, f'Write it in quotes, so that it stays as it is: "{shown}".')


def _line(text: str) -> Fault | None:
    if has_control_characters(text.replace("\t", " ")):
        return Fault("the text holds a line break or a control character.", "Write one line.")
    if len(text.encode()) > max(MAX_LINE, MAX_PATH_BYTES):
        return Fault(f"the text is longer than {MAX_LINE} bytes.", "Shorten it.")
    return None


def _list(node: Node, check: Callable[[Node], Fault | None], example: str) -> Fault | None:
    if not isinstance(node, Sequence):
        return Fault(f"expected a list, found {checks.describe(node)}.", f"Write a list: {example}.")
    return next((fault for item in node.items if (fault := check(item))), None)
