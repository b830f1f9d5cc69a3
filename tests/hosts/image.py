"""The Debian image that real hosts start from: made once per machine by debootstrap, then only read.

It lies outside the checkout, in `$FOLDBACK_HOSTS_CACHE`, else `$XDG_CACHE_HOME/foldback/hosts`, else
`~/.cache/foldback/hosts`, in a folder named by a digest of the recipe below. Where its packages come from is
read from this machine's own apt sources. Hosts have no network but ours, so a small apt repository is inside:
`apt-get install` and `remove` of `OFFERED` really run there.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

SUITE = "bookworm"
INSTALLED = (
    "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,nginx-light,cron,sudo,iproute2,procps,kmod,"
    "nftables,acl,libcap2-bin,less"
)
OFFERED = ("hello", "tree", "pv", "at")
NEWER_HELLO = "2.10-3+shop1"
"""`hello` is offered twice: as Debian has it, and as this later version."""
PEOPLE = ("ana", "ben")
KEPT_SECONDS = 14 * 24 * 3600
APT = Path("/etc/apt")

# What is the same on all hosts and would differ on real ones is taken out; what would wake up by itself is off.
FINISH = rf"""
set -eu
umask 022
cd "$1"
inside() {{ chroot . /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"; }}
rm -f etc/ssh/ssh_host_* etc/machine-id var/lib/dbus/machine-id etc/hostname etc/resolv.conf
rm -f var/cache/apt/archives/*.deb var/lib/apt/lists/*_* var/log/bootstrap.log
for person in {" ".join(PEOPLE)}; do
    inside useradd --create-home --shell /bin/bash --groups sudo "$person"
    install -d -m 0700 "home/$person/.ssh"
    inside chown "$person:$person" "/home/$person/.ssh"
done
install -d -m 0700 root/.ssh
echo '%sudo ALL=(ALL:ALL) NOPASSWD: ALL' >etc/sudoers.d/people
chmod 0440 etc/sudoers.d/people
inside systemctl --quiet disable apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer
inside systemctl --quiet mask console-getty.service
# Somebody's manager of services starts with the first login. By default it ends ten seconds after the last one.
mkdir -p etc/systemd/logind.conf.d
printf '[Login]\nUserStopDelaySec=infinity\n' >etc/systemd/logind.conf.d/people.conf
echo '# /etc/fstab: static file system information.' >etc/fstab
dpkg-deb --raw-extract srv/packages/hello_*.deb hello-newer
sed -i 's/^Version: .*/Version: {NEWER_HELLO}/' hello-newer/DEBIAN/control
dpkg-deb --root-owner-group --build hello-newer srv/packages >/dev/null
rm -r hello-newer
cd srv/packages
for package in *.deb; do
    dpkg-deb --field "$package"
    echo "Filename: ./$package"
    echo "Size: $(stat -c %s "$package")"
    echo "SHA256: $(sha256sum "$package" | cut -d ' ' -f 1)"
    echo
done >Packages
cd ../..
echo 'deb [trusted=yes] file:/srv/packages ./' >etc/apt/sources.list
inside apt-get -qq update
"""


class CannotMake(Exception):
    """There is no image and none can be made; the message says why."""


def cache_folder() -> Path:
    if given := os.environ.get("FOLDBACK_HOSTS_CACHE"):
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "foldback" / "hosts"


def apt_source(folder: Path = APT) -> str | None:
    """The address of a Debian archive: the first that this machine's own apt sources name, if any."""
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        if found := re.search(r"(?m)^URIs:\s*(\S+)", path.read_text(errors="replace")):
            return found[1]
    for path in (folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))):
        if path.exists() and (found := re.search(r"(?m)^deb\s+(?:\[[^]]*\]\s+)?(\S+)", path.read_text())):
            return found[1]
    return None


def recipe() -> str:
    """A digest of all that decides what is in the image, save the archive's own state."""
    return hashlib.sha256(repr((SUITE, INSTALLED, OFFERED, FINISH)).encode()).hexdigest()[:16]


class Image:
    """The image in a cache folder, there or not yet."""

    def __init__(self, cache: Path | None = None) -> None:
        self.cache = cache or cache_folder()

    @property
    def ready(self) -> bool:
        return self._place.is_dir()

    @property
    def _place(self) -> Path:
        return self.cache / recipe()

    def make(self) -> Path:
        """The folder with the image's files, made if it isn't there yet. Raises CannotMake.

        Takes about 45 seconds the first time; whoever comes meanwhile waits for it.
        """
        if not self.ready:
            self.cache.mkdir(parents=True, exist_ok=True)
            with locked(self.cache / "lock"):
                if not self.ready:
                    self._tidy()
                    self._make()
        self._place.with_suffix(".used").touch()
        return self._place

    def _tidy(self) -> None:
        """What a killed run left half made, and images that no checkout has used for long."""
        for left in self.cache.glob("making-*"):
            remove_tree(left)
        for used in self.cache.glob("*.used"):
            if time.time() - used.stat().st_mtime > KEPT_SECONDS:
                remove_tree(used.with_suffix(""))
                used.unlink()

    def _make(self) -> None:
        archive = apt_source()
        if archive is None:
            raise CannotMake(f"no Debian archive is named in {APT}")
        making = Path(tempfile.mkdtemp(prefix="making-", dir=self.cache))
        try:
            self._fill(making, archive)
            making.rename(self._place)
        except BaseException:
            remove_tree(making)
            raise

    def _fill(self, making: Path, archive: str) -> None:
        making.chmod(0o755)
        run_apart(["debootstrap", "--variant=minbase", f"--include={INSTALLED}", SUITE, str(making), archive])
        self._fetch_offered(making, archive)
        run_apart(["sh", "-c", FINISH, "finish", str(making)])

    def _fetch_offered(self, root: Path, archive: str) -> None:
        """The packages for the repository inside, as the archive's index (checked by debootstrap) has them."""
        folder = root / "srv/packages"
        folder.mkdir()
        index = "".join(path.read_text() for path in (root / "var/lib/apt/lists").glob("*_Packages"))
        for name in OFFERED:
            stanza = re.search(rf"(?ms)^Package: {re.escape(name)}$.*?^$", index)
            if stanza is None:
                raise CannotMake(f"the archive has no package {name}")
            fields = dict(re.findall(r"(?m)^(Filename|SHA256): (\S+)$", stanza[0]))
            with urllib.request.urlopen(f"{archive.rstrip('/')}/{fields['Filename']}", timeout=60) as answer:
                content = answer.read()
            if hashlib.sha256(content).hexdigest() != fields["SHA256"]:
                raise CannotMake(f"{name} arrived damaged")
            (folder / Path(fields["Filename"]).name).write_bytes(content)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_apart(command: list[str]) -> None:
    """Run a step of the making where its mounts and processes end with it, however it ends."""
    apart = (
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    )
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        [*apart, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        timeout=600,
    )
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip().splitlines()[-15:]
        raise CannotMake("\n".join([f"{command[0]} failed ({done.returncode}):", *said]))


def remove_tree(path: Path) -> None:
    """Nothing is mounted below: the making mounts in a namespace of its own."""
    shutil.rmtree(path, ignore_errors=True)
