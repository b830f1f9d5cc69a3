"""The make of the simulated hosts: a definition of about N resources, and a machine that is as it says.

Of N resources a third are packages, some forty per cent lie below /etc, most of them in directories that are
exhaustive; the rest are services, users, groups and settings of the kernel. All hosts share them, but for a handful of
files whose templates have the host's name in them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.simulated.answers import HostView, Machine
from benchmarks.simulated.nodes import Node

ROLE, ENVIRONMENT, USER = "app", "prod", "foldback"
OWN_FILES = (
    "/etc/hostname",
    "/etc/app/host.conf",
    "/etc/app/agent.conf",
    "/etc/app/cluster.conf",
    "/etc/motd",
)
"""Files that are rendered from templates, and differ on every host."""
_OWN_TEMPLATES = {
    "/etc/hostname": "{name}\n",
    "/etc/app/host.conf": "name = {name}\nrack = {rack}\nworkers = 4\n",
    "/etc/app/agent.conf": "[agent]\nid = {name}\nserver = collector.example\n",
    "/etc/app/cluster.conf": "node {name} {{\n    zone = {rack};\n}}\n",
    "/etc/motd": "This is {name}. Authorised use only.\n",
}
_UNIT = """Type=simple
BusName=
Id={name}.service
Names={name}.service
RequiredBy=
WantedBy=multi-user.target
TriggeredBy=
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
StateChangeTimestamp=Sat 2025-06-14 08:17:55 UTC
Job=
NeedDaemonReload=no
Transient=no
"""
_OS = ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"', 'VERSION_ID="12"', "ID=debian")
_TIME = 1_749_900_000
_FILES_IN_A_DIRECTORY = 50


@dataclass(frozen=True)
class Make:
    """What `resources` resources are made of; the counts add up to it (at least 40)."""

    resources: int = 1000

    def __post_init__(self) -> None:
        if self.resources < 40:
            raise ValueError("a simulated host has at least 40 resources")

    @property
    def packages(self) -> int:
        return self.resources * 35 // 100

    @property
    def services(self) -> int:
        return self.resources * 6 // 100

    @property
    def users(self) -> int:
        """As many groups, too."""
        return self.resources * 4 // 100

    @property
    def settings(self) -> int:
        return self.resources * 6 // 100

    @property
    def links(self) -> int:
        return self.resources * 2 // 100

    @property
    def _below_etc(self) -> int:
        """Shared files and their directories."""
        others = self.packages + self.services + 2 * self.users + self.settings + self.links
        return self.resources - others - len(OWN_FILES)

    @property
    def directories(self) -> int:
        return max(1, -(-self._below_etc // (_FILES_IN_A_DIRECTORY + 1)))

    @property
    def files(self) -> int:
        return self._below_etc - self.directories

    def shared_files(self) -> Iterator[tuple[str, bytes]]:
        """Path and content of each file that is the same everywhere."""
        for number in range(self.files):
            path = f"{_directory(number % self.directories)}/{number:04}.conf"
            lines = [
                f"# part {number}",
                *(f"option_{line} = {number * 31 + line}" for line in range(number % 40)),
            ]
            yield path, "".join(f"{line}\n" for line in lines).encode()

    # --- what is declared --------------------------------------------------------------------------------------

    def definition(self) -> dict[str, bytes]:
        """The files of the definition's repository."""
        base: dict[str, dict[str, object]] = {
            "files": {
                path: {"source": _source(path), "owner": "root", "group": "root", "mode": "0644"}
                for path, _ in self.shared_files()
            },
            "directories": {
                _directory(number): {"owner": "root", "group": "root", "mode": "0755", "exhaustive": True}
                for number in range(self.directories)
            },
            "symlinks": {
                f"/etc/alternatives/tool-{number}": {"target": f"/usr/bin/tool-{number}.1"}
                for number in range(self.links)
            },
            "packages": {f"package-{n:04}": {"version": _version(n)} for n in range(self.packages)},
            "services": {f"service-{n:03}": {"enabled": True, "running": True} for n in range(self.services)},
            "users": {f"user{n:03}": {"uid": 2000 + n, "shell": "/bin/sh"} for n in range(self.users)},
            "groups": {f"user{n:03}": {"gid": 2000 + n} for n in range(self.users)},
            "sysctl": {f"net.core.knob_{n:03}": str(n * 1024) for n in range(self.settings)},
        }
        role: dict[str, dict[str, object]] = {
            "files": {path: {"template": f"{_source(path)}.j2", "mode": "0644"} for path in OWN_FILES},
        }
        tree = {
            "definition.yaml": b"format: 1\n",
            "base/resources.yaml": _yaml(base),
            f"roles/{ROLE}/resources.yaml": _yaml(role),
        }
        for path, content in self.shared_files():
            tree[f"base/files/{_source(path)}"] = content
        for path, text in _OWN_TEMPLATES.items():
            template = text.format(name="{{ host.name }}", rack="{{ rack }}")
            tree[f"roles/{ROLE}/templates/{_source(path)}.j2"] = template.encode()
        return tree

    # --- what is there -----------------------------------------------------------------------------------------

    def machine(self) -> Machine:
        """What the hosts have in common, as the definition says."""
        users = {0: "root", 1: "daemon", **{2000 + n: f"user{n:03}" for n in range(self.users)}}
        passwd = "".join(f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n" for uid, name in users.items())
        group = "".join(f"{name}:x:{gid}:\n" for gid, name in users.items())
        nodes: dict[bytes, Node] = {b"/etc": Node("d", mode=0o755, size=4096, links=40)}
        for text, path in ((passwd, b"/etc/passwd"), (group, b"/etc/group")):
            nodes[path] = _file(text.encode(), len(nodes))
        for above in (b"/etc/app", b"/etc/app/conf", b"/etc/alternatives"):
            nodes[above] = Node("d", mode=0o755, size=4096, inode=1000 + len(nodes))
        for number in range(self.directories):
            nodes[_directory(number).encode()] = Node("d", mode=0o755, size=4096, inode=1000 + len(nodes))
        for shared, content in self.shared_files():
            nodes[shared.encode()] = _file(content, len(nodes))
        for number in range(self.links):
            target = b"/usr/bin/tool-%d.1" % number
            nodes[b"/etc/alternatives/tool-%d" % number] = Node(
                "l", target=target, mode=0o777, size=len(target), inode=1000 + len(nodes)
            )
        return Machine(nodes, users, users, self._listed(), os_lines=_OS)

    def host(self, index: int) -> HostView:
        """A host as it is when it is pushed to; `name_of` and `rack_of` are in its own files."""
        name, rack = name_of(index), rack_of(index)
        host = HostView(name)
        for number, (path, text) in enumerate(_OWN_TEMPLATES.items()):
            content = text.format(name=name, rack=rack).encode()
            host.nodes[path.encode()] = _file(content, 50_000 + number + index)
        return host

    def _listed(self) -> dict[bytes, bytes]:
        packages = "".join(
            f"ii \tpackage-{n:04}\tamd64\t{_version(n)}\t{_TIME}\n" for n in range(self.packages)
        )
        units = "\n".join(_UNIT.format(name=f"service-{n:03}") for n in range(self.services))
        knobs = "".join(f"./proc/sys/net/core/knob_{n:03}:{n * 1024}\n" for n in range(self.settings))
        tool = "t/{}\0{}\0000 \0"
        texts = {
            "packages": tool.format("dpkg", packages) + "times/\0",
            "services": tool.format("systemctl", units) + "times/\0",
            "sysctl": tool.format("values", knobs) + tool.format("denied", "") + "times/\0",
            "cron": "times/\0",
            "sudoers": "times/\0",
            "authorized_keys": "times/\0",
            "mounts": tool.format("mountinfo", "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n") + "times/\0",
            "modules": tool.format("loaded", "ext4 1000 1 - Live 0x0\n")
            + tool.format("builtin", "")
            + "times/\0",
            "ports": "uid/0\0ss/\0",
            "firewall": "end/\0",
            "containers": "end/\0",
        }
        return {verb.encode(): text.encode() for verb, text in texts.items()}


def name_of(index: int) -> str:
    return f"sim-{index:05}"


def rack_of(index: int) -> str:
    return f"r{index % 40 + 1}"


def address_of(index: int) -> str:
    """127.1.0.1, 127.1.0.2, …; 250 of them share their third number."""
    return f"127.1.{index // 250}.{index % 250 + 1}"


def index_of(address: str) -> int | None:
    """The host that has an address; None for another address."""
    first, second, third, fourth = map(int, address.split("."))
    if (first, second) != (127, 1) or not 1 <= fourth <= 250:
        return None
    return third * 250 + fourth - 1


def _file(content: bytes, number: int) -> Node:
    when = (_TIME + number) * 10**9 + 500_000_000
    return Node(content=content, mtime=when, ctime=when, inode=1000 + number)


def _directory(number: int) -> str:
    return f"/etc/app/conf/{number:02}.d"


def _source(path: str) -> str:
    return path.removeprefix("/")


def _version(number: int) -> str:
    return f"{number % 9 + 1}.{number % 13}.{number % 7}-{number % 5 + 1}"


def _yaml(sections: dict[str, dict[str, object]]) -> bytes:
    """Sections with one line for each key. JSON is YAML."""
    lines = []
    for section, keys in sections.items():
        lines.append(f"{section}:")
        lines += [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in keys.items()]
    return "".join(f"{line}\n" for line in lines).encode()
