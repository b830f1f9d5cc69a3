"""What a test needs of the machine: `@pytest.mark.needs("chromium", "sshd")`.

A test whose need is missing is skipped and listed with the reason; REQUIRE_ALL=1 makes that a failure. Add a
need here: a function that returns None when it is met, else what is missing and how to get it.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.hosts.possible import missing as _debian_hosts

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """Debian's Chromium, which the browser tests drive."""
    return next((found for name in CHROMIUM_NAMES if (found := shutil.which(name))), None)


def sshd_path() -> str | None:
    """OpenSSH's server, which an ordinary user's PATH may not lead to."""
    places = [shutil.which("sshd"), "/usr/sbin/sshd"]
    return next((place for place in places if place and Path(place).exists()), None)


def _chromium() -> str | None:
    return None if chromium_path() else "no Chromium (apt install chromium)"


def _sshd() -> str | None:
    return None if sshd_path() else "no sshd (apt install openssh-server)"


def _curl() -> str | None:
    return None if shutil.which("curl") else "no curl (apt install curl)"


def _ssh_keygen() -> str | None:
    return None if shutil.which("ssh-keygen") else "no ssh-keygen (apt install openssh-client)"


def _nft() -> str | None:
    return (
        None
        if shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        else "no nft (apt install nftables)"
    )


def _acl() -> str | None:
    return None if shutil.which("setfacl") else "no setfacl (apt install acl)"


def _capabilities() -> str | None:
    found = shutil.which("setcap", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return None if found else "no setcap (apt install libcap2-bin)"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "not root"


NEEDS: dict[str, Callable[[], str | None]] = {
    "chromium": _chromium,
    "sshd": _sshd,
    "curl": _curl,
    "ssh-keygen": _ssh_keygen,
    "nft": _nft,
    "acl": _acl,
    "capabilities": _capabilities,
    "root": _root,
    "debian-hosts": _debian_hosts,
}
