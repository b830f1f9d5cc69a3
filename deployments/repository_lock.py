"""Who may move main: one process at a time, even if the last one was killed in the middle of it.

Git itself takes `main.lock` beside the reference, with O_EXCL; a process that dies in that moment leaves it, and
nobody could ever move main again. So our own processes queue on `foldback.lock`, which the kernel releases when
its holder dies, and write a mark into it while they work. Who finds the mark of a dead holder, and main.lock
still there after waiting, knows whose it is and may remove it. What a foreign `git` holds is left alone.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_MARK = b"!"
PAUSE = 0.02


class RepositoryBusy(Exception):
    """Another process holds the repository and did not let go in time; try again later."""


class Holder:
    """What the holder of the lock knows: whether the last one died while it worked."""

    def __init__(self, last_one_died: bool) -> None:
        self.last_one_died = last_one_died


@contextmanager
def hold(directory: Path, seconds: float) -> Iterator[Holder]:
    """Hold the repository at `directory`; raises RepositoryBusy after about `seconds` of waiting."""
    descriptor = os.open(directory / "foldback.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        retry(lambda: _take(descriptor), seconds, "another process is moving main and does not finish")
        holder = Holder(os.pread(descriptor, 1, 0) == _MARK)
        os.pwrite(descriptor, _MARK, 0)
        try:
            yield holder
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def retry(attempt: Callable[[], bool], seconds: float, reason: str) -> None:
    """Call `attempt` until it says True; raises RepositoryBusy with `reason` after about `seconds`."""
    for _ in range(max(1, int(seconds / PAUSE))):
        if attempt():
            return
        time.sleep(PAUSE)
    raise RepositoryBusy(reason)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
