"""Whether real hosts can run on this machine, tried rather than guessed."""

import functools
import os
import shutil
import subprocess
import tempfile

from tests.hosts.image import Image, apt_source
from tests.hosts.slots import control_group_parents

COMMANDS = {
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "tar": "tar",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
OVERLAY = """
mount -t tmpfs foldback "$1" && cd "$1" && mkdir lower upper work root &&
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work foldback root
"""


@functools.cache
def missing() -> str | None:
    """What real hosts lack here, with how to get it; None when nothing."""
    if os.geteuid() != 0:
        return "not root"
    for command, package in COMMANDS.items():
        if not shutil.which(command):
            return f"no {command} (apt install {package})"
    if not Image().ready:
        if not shutil.which("debootstrap"):
            return "no debootstrap (apt install debootstrap)"
        if apt_source() is None:
            return "no Debian archive in the machine's apt sources"
    groups = list(control_group_parents())
    if not groups or not all(os.access(group, os.W_OK) for group in groups):
        return "no control group of ours to make groups in"
    with tempfile.TemporaryDirectory(prefix="foldback-") as folder:
        apart = ["unshare", "--mount", "--pid", "--fork", "--propagation", "private"]
        tried = subprocess.run(
            [*apart, "sh", "-c", OVERLAY, "overlay", folder], stdin=subprocess.DEVNULL, capture_output=True
        )
    if tried.returncode != 0:
        return f"no overlay mounts: {tried.stderr.decode(errors='replace').strip()}"
    return None
