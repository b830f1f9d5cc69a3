"""child.py [OPTIONS] -- COMMAND…: what every supervised program is started through.

Standard library only and run by path, so that it costs a few milliseconds. It waits for its turn, gives up what
the program must not have (variables of the environment, root), and asks the kernel to signal the program when
its parent dies, so that nothing outlives the launcher however that one ends. Then it becomes the program.
"""

import argparse
import ctypes
import os
import pwd
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KEPT_WHEN_CLEAN = ("PATH", "LANG", "LC_ALL", "TZ")


def prctl(option: int, value: int) -> None:
    """Linux's prctl(2) with one argument; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def signal_when_parent_dies(number: int, parent: int | None = None) -> None:
    """The kernel sends `number` to this process when its parent is gone; at once if it went meanwhile."""
    prctl(PR_SET_PDEATHSIG, number)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), number)


def become(user: str) -> None:
    """Gives up root for `user`, for good: groups first, then group, then user."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="child.py", allow_abbrev=False)
    parser.add_argument("--after", metavar="FILE", help="wait until FILE exists")
    parser.add_argument("--signal", default="SIGTERM", help="what to send when the parent dies")
    parser.add_argument("--user", help="give up root for this user")
    parser.add_argument("--clean-environment", action="store_true", help="keep only PATH, LANG, LC_ALL, TZ")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="drop this variable")
    parser.add_argument("--directory", default=None)
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def main() -> None:
    parent = os.getppid()
    asked = parse(sys.argv[1:])
    number = signal.Signals[asked.signal]
    signal_when_parent_dies(number, parent)
    while asked.after and not os.path.exists(asked.after):
        time.sleep(0.05)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in asked.without and (not asked.clean_environment or name in KEPT_WHEN_CLEAN)
    }
    if asked.directory:
        os.chdir(asked.directory)
    if asked.user:
        become(asked.user)
        signal_when_parent_dies(number, parent)  # the kernel forgets the wish when the user changes
    try:
        os.execvpe(asked.command[0], asked.command, environment)
    except OSError as error:
        sys.exit(f"{asked.command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
