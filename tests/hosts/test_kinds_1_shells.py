"""The verbs of packages, services, cron, kernel settings, mounts and modules, in real shells on trees and on this
machine; and in an Alpine-like root of BusyBox alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deployments.collector.protocol import Collection, Observation, Question
from deployments.core.states import ABSENT, Present, Unknown
from tests.hosts.userlands import NONCE, Userland, as_ordinary_user

KINDS = ("package", "service", "cron", "sysctl", "mount", "kernel_module")
ROOTED = "not supported: only a running system can tell"
STATUS = """\
Package: dpkg
Status: install ok installed
Architecture: amd64
Version: 1.21.22

Package: nginx
Status: hold ok installed
Architecture: amd64
Version: 1.22.1-9

Package: apache2
Status: deinstall ok config-files
Architecture: amd64
Version: 2.4.62-1

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9
"""
INSTALLED = "P:apk-tools\nV:2.14.0-r2\nA:x86_64\nF:etc\nR:x\n\nP:nginx\nV:1.24.0-r6\nA:x86_64\nD:so:x\n\n"


def watch(*kinds: str) -> Question:
    return Question.of([], watched=frozenset(kinds))


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def data(found: Observation, resource: str) -> dict[str, object]:
    state = found.states[resource]
    assert isinstance(state, Present), state
    return dict(state.data)


def test_packages_of_a_directory_are_those_of_its_own_database(userland: Userland, tree: Path) -> None:
    write(tree, **{"var/lib/dpkg/status": STATUS})
    (tree / "var/lib/dpkg/info").mkdir()
    found = userland.at(tree).look(watch("package"))
    if userland.alone:
        assert found.listed == {"package:": "tool missing: dpkg-query"}
        return
    assert dict(found.states) == {
        "package:dpkg": Present({"version": "1.21.22", "hold": False}),
        "package:nginx": Present({"version": "1.22.1-9", "hold": True}),
        "package:libc6:i386": Present({"version": "2.36-9", "hold": False}),
    }
    assert found.listed == {"package:": None}


def test_packages_of_alpine_need_no_tool_of_alpine(userland: Userland, tree: Path) -> None:
    write(tree, **{"lib/apk/db/installed": INSTALLED, "etc/apk/world": "apk-tools\nnginx=1.24.0-r6\n"})
    found = userland.at(tree).look(watch("package"))
    assert dict(found.states) == {
        "package:apk-tools": Present({"version": "2.14.0-r2", "hold": False}),
        "package:nginx": Present({"version": "1.24.0-r6", "hold": True}),
    }


def test_without_a_package_manager_packages_are_unknown(userland: Userland, tree: Path) -> None:
    assert userland.at(tree).look(watch("package")).listed == {"package:": "tool missing: package manager"}


def test_a_database_that_may_not_be_read_is_denied(userland: Userland, tree: Path) -> None:
    write(tree, **{"lib/apk/db/installed": INSTALLED})
    (tree / "lib/apk/db").chmod(0)
    found = as_ordinary_user(userland).at(tree).look(watch("package"))
    assert found.listed["package:"] == "denied: /lib/apk/db/installed"


def test_tables_of_cron_are_read_where_cron_reads_them(userland: Userland, tree: Path) -> None:
    write(
        tree,
        **{
            "etc/debian_version": "12\n",
            "etc/crontab": "SHELL=/bin/sh\n\n# m h\n17 *\t* * *\troot  cd /\n",
            "etc/cron.d/backup": "0 3 * * * root mysqldump -pS3cretPassw0rd shop\n",
            "etc/cron.d/backup.dpkg-old": "0 4 * * * root old\n",
            "etc/cron.d/.placeholder": "# nothing\n",
            "etc/cron.d/it's $(touch pwned)": "0 5 * * * root odd\n",
            "etc/cron.d/long": "# x\n" * 70_000,
            "var/spool/cron/crontabs/ana": "@reboot /bin/true\n",
            "var/spool/cron/crontabs/tmp.XXXX": "half\n",
        },
    )
    (tree / "etc/cron.d/no-newline").write_bytes(b"* * * * * root nul\0 and \xff")
    found = userland.at(tree).look(watch("cron"))
    assert {name: state for name, state in found.states.items() if isinstance(state, Present)} == {
        "cron:/etc/crontab": Present({"jobs": ["SHELL=/bin/sh", "17 * * * * root cd /"]}),
        "cron:/etc/cron.d/backup": Present({"jobs": ["0 3 * * * root mysqldump -p[redacted] shop"]}),
        "cron:/etc/cron.d/no-newline": Present({"jobs": ["* * * * * root nul and \ufffd"]}),
        "cron:ana": Present({"jobs": ["@reboot /bin/true"]}),
    }
    assert found.unknown() == {"cron:/etc/cron.d/long": "over limit: more than 256 KiB"}
    assert found.redacted == {"cron:/etc/cron.d/backup": 1}
    assert (
        abs(found.evidence["cron:ana"]["mtime"] - (tree / "var/spool/cron/crontabs/ana").stat().st_mtime)
        < 1.1
    )
    assert not list(tree.rglob("pwned"))


def test_where_tables_of_users_are_shut_the_others_are_seen(userland: Userland, tree: Path) -> None:
    write(
        tree,
        **{
            "etc/passwd": "root:x:0:0::/:/bin/sh\nana:x:1000:1000::/:/bin/sh\n",
            "etc/crontab": "",
            "var/spool/cron/crontabs/ana": "@reboot /bin/true\n",
        },
    )
    (tree / "var/spool/cron/crontabs").chmod(0o700)
    found = as_ordinary_user(userland).at(tree).look(watch("cron"))
    assert found.unknown() == {"cron:root": "denied", "cron:ana": "denied"}
    assert found.states["cron:/etc/crontab"] == Present({"jobs": []})
    assert found.listed == {"cron:": None}


def test_files_of_kernel_settings_have_the_order_of_the_next_boot(userland: Userland, tree: Path) -> None:
    write(
        tree,
        **{
            "etc/sysctl.conf": "vm.swappiness = 1\n",
            "etc/sysctl.d/50-a.conf": "net.core.somaxconn=2\nvm/swappiness=2\n",
            "usr/lib/sysctl.d/50-a.conf": "net.core.somaxconn=3\nkernel.sysrq=3\n",
            "usr/lib/sysctl.d/10-b.conf": "net.core.somaxconn=4\nkernel.pid_max=4\n",
            "usr/lib/sysctl.d/20-off.conf": "kernel.panic=5\n",
        },
    )
    (tree / "etc/sysctl.d/20-off.conf").symlink_to("/dev/null")
    (tree / "etc/sysctl.d/99-out.conf").symlink_to("/etc/hostname")
    found = userland.at(tree).look(watch("sysctl"))
    assert {name.partition(":")[2]: data(found, name)["persisted"] for name in found.states} == {
        "net.core.somaxconn": "2",
        "vm.swappiness": "1",
        "kernel.pid_max": "4",
    }
    assert found.listed == {"sysctl:": ROOTED}


def test_kernel_settings_of_this_machine_are_as_they_are_in_proc(userland: Userland) -> None:
    found = userland.look(watch("sysctl"))
    assert found.listed == {"sysctl:": None}
    for key in ("net.core.somaxconn", "net.ipv4.ip_local_port_range", "net.ipv4.conf.all.rp_filter"):
        there = Path("/proc/sys", *key.split(".")).read_text()
        assert data(found, f"sysctl:{key}")["value"] == " ".join(there.split())
    assert len(found.states) > 200
    assert not any(".lo." in name or ".random." in name or name.endswith("_key") for name in found.states)


def test_what_nobody_may_read_is_unknown_key_by_key(userland: Userland) -> None:
    found = as_ordinary_user(userland).look(watch("sysctl"))
    assert set(found.unknown().values()) <= {"denied"}
    assert data(found, "sysctl:net.core.somaxconn")["value"]


def test_mounts_of_this_machine_are_as_they_are_in_proc(userland: Userland) -> None:
    found = userland.look(watch("mount"))
    root = data(found, "mount:/")
    assert root["mounted"] is True and {"ro", "rw"} & set(root["live_options"])  # type: ignore[call-overload]
    assert not any(name.startswith(("mount:/proc", "mount:/sys/")) for name in found.states)


def test_the_fstab_of_a_directory_is_read_and_what_is_mounted_there_unknown(
    userland: Userland, tree: Path
) -> None:
    write(
        tree,
        **{"etc/fstab": "/dev/sdb1\t/srv/my\\040data ext4 ro,noatime 0 2\n# x\n/dev/sdb2 none swap sw 0 0\n"},
    )
    question = Question({"mount:/srv/my data": frozenset({"mounted"})}, watched=frozenset({"mount"}))
    found = userland.at(tree).look(watch("mount"))
    assert dict(found.states) == {
        "mount:/srv/my data": Present(
            {"persisted": True, "source": "/dev/sdb1", "fstype": "ext4", "options": ["noatime", "ro"]}
        )
    }
    assert userland.at(tree).look(question).unknown() == {"mount:/srv/my data": ROOTED}


def test_files_of_modules_are_read_as_modprobe_reads_them(userland: Userland, tree: Path) -> None:
    write(
        tree,
        **{
            "etc/modules": "loop max_loop=8\n",
            "etc/modules-load.d/net.conf": "br-netfilter\n",
            "etc/modprobe.d/local.conf": "blacklist pcspkr\ninstall usb-storage /bin/false\noptions loop x=1\n",
            "lib/modprobe.d/local.conf": "blacklist hidden\n",
        },
    )
    found = userland.at(tree).look(watch("kernel_module"))
    seen = {name.partition(":")[2]: data(found, name) for name in found.states}
    assert {name for name, module in seen.items() if module["at_boot"]} == {"loop", "br_netfilter"}
    assert {name for name, module in seen.items() if module["blacklisted"]} == {"pcspkr", "usb_storage"}


def test_services_are_told_by_what_runs_and_never_by_a_directory(userland: Userland, tree: Path) -> None:
    assert userland.at(tree).look(watch("service")).listed == {"service:": ROOTED}
    if not Path("/run/systemd/system").exists() and not Path("/run/openrc").exists():
        assert userland.look(watch("service")).listed == {"service:": "tool missing: running service manager"}


def test_an_empty_directory_has_none_of_it_and_says_what_can_not_be_told(
    userland: Userland, tree: Path
) -> None:
    wanted = {"cron:ana": None, "cron:/etc/cron.d/x": None, "cron:x.timer": None, "mount:/srv": None}
    found = userland.at(tree).look(Question(wanted))
    assert dict(found.states) == {
        "cron:ana": ABSENT,
        "cron:/etc/cron.d/x": ABSENT,
        "cron:x.timer": Unknown(ROOTED),
        "mount:/srv": Unknown(ROOTED),
    }


def test_nothing_is_changed_and_nothing_is_left(userland: Userland, tree: Path, tmp_path: Path) -> None:
    write(
        tree,
        **{
            "etc/crontab": "x\n",
            "lib/apk/db/installed": INSTALLED,
            "etc/fstab": "",
            "etc/modprobe.d/a.conf": "",
        },
    )
    before = {path: path.lstat().st_ctime_ns for path in sorted(tree.rglob("*"))}
    empty = tmp_path / "tmp"
    empty.mkdir(mode=0o555)
    collection = Collection(watch(*KINDS), nonce=NONCE)
    while (program := collection.send()) is not None:
        done = userland.at(tree).run(program, TMPDIR=str(empty), HOME=str(empty))
        assert done.stderr == b""
        collection.receive(done.stdout)
    assert before == {path: path.lstat().st_ctime_ns for path in sorted(tree.rglob("*"))}
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "tool"), [("cron", "cut"), ("sysctl", "find"), ("mount", "head"), ("package", "grep")]
)
def test_a_missing_tool_is_named(
    userland: Userland, tree: Path, tmp_path: Path, kind: str, tool: str
) -> None:
    write(tree, **{"lib/apk/db/installed": INSTALLED})
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in {"cut", "find", "head", "tr", "stat", "grep", "date", "uname"} - {tool}:
        found_at = shutil.which(name, path=userland.path)
        assert found_at is not None
        (folder / name).symlink_to(found_at)
    bare = Userland("bare", userland.shell, str(folder), str(tree), alone=True)
    assert bare.look(watch(kind)).listed == {f"{kind}:": f"tool missing: {tool}"}


@pytest.fixture
def busybox_root(tree: Path) -> Path:
    """A root of its own in which BusyBox is all there is."""
    binary = shutil.which("busybox")
    if binary is None:
        pytest.skip("no BusyBox (apt install busybox)")
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    needed = [word for word in listed.split() if word.startswith("/")]
    for path in (binary, *needed):
        (tree / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(path), tree / path[1:])
    (tree / "bin").mkdir(exist_ok=True)
    for applet in subprocess.run([binary, "--list"], capture_output=True, text=True).stdout.split():
        if not (tree / "bin" / applet).exists():
            (tree / "bin" / applet).symlink_to(binary)
    (tree / "dev").mkdir()
    (tree / "dev/null").touch()
    return tree


def inside(root: Path) -> Userland:
    return Userland("chroot", ("/usr/sbin/chroot", str(root), "/bin/sh", "-s"), "/bin:/usr/bin")


@pytest.fixture
def alpine(busybox_root: Path) -> Path:
    """One where OpenRC says that it runs."""
    tree = busybox_root
    write(
        tree,
        **{
            "etc/init.d/sshd": "#!/sbin/openrc-run\n",
            "etc/init.d/nginx": "#!/sbin/openrc-run\n",
            "etc/init.d/crond": "#!/sbin/openrc-run\n",
            "etc/init.d/functions.sh": "",
            "lib/apk/db/installed": INSTALLED,
            "etc/crontabs/root": "*/15\t*\t*\t*\t*\trun-parts /etc/periodic/15min\n",
            "etc/passwd": "root:x:0:0::/:/bin/sh\n",
        },
    )
    for script in (tree / "etc/init.d").iterdir():
        script.chmod(0o755)
    for folder, names in {
        "etc/runlevels/default": ("sshd", "crond"),
        "run/openrc/started": ("sshd", "nginx"),
    }.items():
        (tree / folder).mkdir(parents=True)
        for name in names:
            (tree / folder / name).symlink_to(f"/etc/init.d/{name}")
    (tree / "run/openrc/starting").mkdir()
    (tree / "var/spool/cron").mkdir(parents=True)
    (tree / "var/spool/cron/crontabs").symlink_to("/etc/crontabs")
    return tree


@pytest.mark.needs("root")
def test_busybox_alone_tells_services_packages_and_tables_of_alpine(alpine: Path) -> None:
    found = inside(alpine).look(watch(*KINDS))
    assert {name: data(found, name) for name in found.states if name.startswith("service:")} == {
        "service:sshd": {"enabled": True, "running": True},
        "service:nginx": {"enabled": False, "running": True},
        "service:crond": {"enabled": True, "running": False},
    }
    assert data(found, "package:nginx") == {"version": "1.24.0-r6", "hold": False}
    assert data(found, "cron:root") == {"jobs": ["*/15 * * * * run-parts /etc/periodic/15min"]}
    assert found.listed == {
        "package:": None,
        "service:": None,
        "cron:": None,
        "sysctl:": "read error: /proc/sys",
        "mount:": "tool missing: /proc/self/mountinfo",
        "kernel_module:": "tool missing: /proc",
    }


@pytest.mark.needs("root")
def test_a_host_with_sysvinit_tells_what_starts_and_not_what_runs(busybox_root: Path) -> None:
    write(
        busybox_root,
        **{"proc/1/comm": "init\n", "etc/init.d/ssh": "", "etc/init.d/nginx": "", "etc/init.d/README": ""},
    )
    (busybox_root / "etc/rc2.d").mkdir()
    for script in ("ssh", "nginx"):
        (busybox_root / "etc/init.d" / script).chmod(0o755)
    (busybox_root / "etc/rc2.d/S01ssh").symlink_to("../init.d/ssh")
    (busybox_root / "etc/rc2.d/K01nginx").symlink_to("../init.d/nginx")
    wanted = {"service:ssh": frozenset({"enabled", "masked"}), "service:nginx": frozenset({"running"})}
    found = inside(busybox_root).look(Question(wanted, watched=frozenset({"service"})))
    assert data(found, "service:ssh")["enabled"] is True
    assert found.unknown() == {"service:nginx": "not supported: sysvinit does not say what runs"}
    found = inside(busybox_root).look(watch("service"))
    assert {name: data(found, name) for name in found.states} == {
        "service:ssh": {"enabled": True},
        "service:nginx": {"enabled": False},
    }
