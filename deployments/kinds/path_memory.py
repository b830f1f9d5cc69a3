"""What has not moved among paths since an earlier look, told by `lstat` alone.

Each path falls into a bucket, and of each bucket eight bytes are remembered: so a host's memory is half a byte an
entry or so, and what moved is found to within sixteen entries. A digest is not trusted where something was changed
within the last two seconds before it was taken: it could be changed once more without a trace in the times. Neither is
what the kernel makes up when it is read: its times never tell that it is another.
"""

import hashlib
from collections.abc import Mapping
from zlib import crc32

from deployments.kinds.path_entries import Entry

SETTLED_SECONDS = 2.0
"""As coarse as the clocks of file systems are."""
_BYTES = 8
_ENTRIES = 16
_FEWEST = 16
_IN_DOUBT = bytes(_BYTES)
_WITHOUT_TIMES = ("/proc/", "/sys/")


def stats_of(entries: Mapping[str, Entry], clock: float | None, key: bytes) -> bytes:
    """Eight bytes for each bucket; zeros where an entry is too fresh by the host's `clock` (None: it is not known).

    `key`, at most 64 bytes, is whatever else the states hold under; with another one nothing is as it was.
    """
    count = max(_FEWEST, 1 << (len(entries) // _ENTRIES).bit_length())
    return b"".join(
        _IN_DOUBT
        if clock is None or not is_settled({path: entries[path] for path in paths}, clock)
        else digest
        for paths, digest in _buckets(entries, count, key)
    )


def unmoved_paths(entries: Mapping[str, Entry], before: bytes, key: bytes) -> frozenset[str]:
    """The paths in buckets that are as they were when `before` was made."""
    count = max(_FEWEST, 1 << (len(entries) // _ENTRIES).bit_length())
    if len(before) != count * _BYTES:
        return frozenset()
    return frozenset(
        path
        for number, (paths, digest) in enumerate(_buckets(entries, count, key))
        if digest == before[number * _BYTES : (number + 1) * _BYTES] != _IN_DOUBT
        for path in paths
    )


def is_settled(entries: Mapping[str, Entry], clock: float) -> bool:
    """Whether nothing was changed within the last seconds before the host's `clock`, or after it, as far as times tell."""
    return all(
        entry.ctime < clock - SETTLED_SECONDS and not (entry.type == "f" and path.startswith(_WITHOUT_TIMES))
        for path, entry in entries.items()
    )


def _buckets(entries: Mapping[str, Entry], count: int, key: bytes) -> list[tuple[list[str], bytes]]:
    buckets: list[list[str]] = [[] for _ in range(count)]
    for path in sorted(entries):
        buckets[crc32(path.encode("utf-8", "backslashreplace")) % count].append(path)
    return [(paths, _digest(paths, entries, key)) for paths in buckets]


def _digest(paths: list[str], entries: Mapping[str, Entry], key: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=_BYTES, key=key)
    for path in paths:
        entry = entries[path]
        seen = (
            entry.type,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.mtime,
            entry.ctime,
            entry.inode,
            entry.device,
        )
        digest.update(f"{path}\0{seen}\0".encode("utf-8", "backslashreplace"))
    return digest.digest()
