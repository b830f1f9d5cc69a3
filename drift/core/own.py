"""What depends on a host itself, and is no use to look for on another.

Every host has it differently, so it is stored and judged apart from what hosts that are alike share.
"""

from collections.abc import Collection, Iterable

from drift.core.watched import FILE_KINDS, IN_FILES, kind_of, path_of

USUALLY = frozenset(
    {
        *(
            "/etc/hostname",
            "/etc/hosts",
            "/etc/machine-id",
            "/etc/fstab",
            "/etc/resolv.conf",
            "/etc/mailname",
        ),
        *("/etc/adjtime", "/etc/network/interfaces", "/etc/iscsi/initiatorname.iscsi", "/etc/hostid"),
        *(
            f"/etc/ssh/ssh_host_{algorithm}_key{end}"
            for algorithm in ("rsa", "dsa", "ecdsa", "ed25519")
            for end in ("", ".pub", "-cert.pub")
        ),
    }
)
"""Files that differ from host to host wherever they are looked at, whoever declared them."""


_KINDS = FILE_KINDS | IN_FILES


def at_paths(paths: Iterable[str]) -> frozenset[str]:
    """Whatever may be at these paths."""
    return frozenset(f"{kind}:{path}" for path in paths for kind in _KINDS)


_USUALLY = at_paths(USUALLY)


class Own:
    """The resources of one host that are its own: those of `ids`, and whatever else is at their paths."""

    def __init__(self, ids: Collection[str]) -> None:
        self.ids = frozenset(ids)
        self.names = (
            self.ids | _USUALLY | at_paths(path_of(name) for name in self.ids if kind_of(name) in _KINDS)
        )

    def __contains__(self, resource: object) -> bool:
        return resource in self.names
