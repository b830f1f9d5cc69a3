"""Paths on their way to a host: which can be asked about, how they are written, how many go together."""

import posixpath
import re
from collections.abc import Iterable, Iterator

MAX_PATH = 4096
# Well under the 128 KiB that one process may be given on the smallest systems, in the longest encoding.
_BATCH_PATHS, _BATCH_BYTES = 200, 30_000
_ODD = re.compile(r"[\\\x00-\x1f\x7f]")


def usable(path: str) -> bool:
    """Whether a path can be asked about: absolute, in its shortest form, without NUL or newline."""
    try:
        size = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return (
        path.startswith("/")
        and not path.startswith("//")
        and posixpath.normpath(path) == path
        and size <= MAX_PATH
        and "\0" not in path
        and "\n" not in path
    )


def relative(path: str) -> str:
    """As the collector is given it: relative to the root, which is its working directory."""
    return "." + path


def is_odd(path: str) -> bool:
    """Whether some sha256sum would write the name in another way on its line, which differs by version."""
    return _ODD.search(path) is not None


def ancestors(path: str) -> list[str]:
    """The directories above a path, outermost first, without the root: /a/b/c → /a, /a/b."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(2, len(parts))]


def outermost(paths: Iterable[str]) -> list[str]:
    """Directories that lie in no other one of them, in order."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(above.rstrip("/") + "/") for above in kept):
            kept.append(path)
    return kept


def batches(paths: Iterable[str]) -> Iterator[list[str]]:
    """The paths in groups that fit one command line."""
    batch: list[str] = []
    size = 0
    for path in paths:
        weight = len(path.encode("utf-8", "surrogateescape")) + 2
        if batch and (len(batch) == _BATCH_PATHS or size + weight > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += weight
    if batch:
        yield batch
