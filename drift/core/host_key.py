"""A host's SSH key as a resource: what was agreed is what a person pinned, or a host CA that is trusted for it.

Nothing else on a host whose key is another can be seen, and stays unknown. The key itself was seen, and differs.
"""

from collections.abc import Collection

from deployments.collector import reasons
from deployments.core.states import Present, State
from drift.core.verdict import Judgement, judge

RESOURCE = "host_key:ssh"
KEYS = "keys"
ATTRIBUTES = frozenset({KEYS})
SIGNED_BY = "any signed by "

# Another key than one that was pinned; or than one that a CA vouched for, which is told from a host that nobody
# enrolled yet by its having been looked at before. A certificate that ran out is still the same host's.
_ANOTHER = frozenset({reasons.HOST_KEY_CHANGED, reasons.HOST_KEY_REVOKED})
_ANOTHER_IF_SEEN = frozenset({reasons.HOST_KEY_UNKNOWN, reasons.HOST_CERTIFICATE_NAME})


def is_another_key(code: str, *, seen_before: bool) -> bool:
    """Whether a connection that failed for this reason showed another key than the one that was agreed."""
    return code in _ANOTHER or (seen_before and code in _ANOTHER_IF_SEEN)


def agreed_keys(pinned: Collection[str], cas: Collection[str]) -> Present | None:
    """What may be shown, as fingerprints: the pinned keys; where there are none, what these CAs sign. None for neither."""
    keys = sorted(pinned) or [SIGNED_BY + ca for ca in sorted(cas)]
    return Present({KEYS: keys}) if keys else None


def offered_key(fingerprint: str) -> Present:
    return Present({KEYS: [fingerprint]})


def judge_host_key(base: Present, head: Present, offered: str | None) -> tuple[Judgement, State]:
    """The verdict, and live. `offered` is the fingerprint that was refused; None: the host showed a key that is trusted.

    One of several pinned keys is as good as all of them: live is then what is agreed.
    """
    live: Present = head
    if offered is not None and offered not in head.data[KEYS]:
        live = base if offered in base.data[KEYS] else offered_key(offered)
    return judge(base, head, live, ATTRIBUTES), live
