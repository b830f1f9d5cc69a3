"""The message of a fold-back's commit: what and why for people, trailers for programs."""

import re
from collections.abc import Sequence

from deployments.core.commit_message import message_with_trailers
from deployments.core.definition.placement_model import shown

SUBJECT_LENGTH = 72
_NOT_ONE_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")

Signature = tuple[str, str]  # name, address


def subject_line(*, findings: Sequence[str], resources: Sequence[str], layer: str) -> str:
    """`Fold back /etc/motd into roles/web (DRF-3)`; a long path is shortened from its front."""
    names = sorted({shown(resource) for resource in resources})
    what = names[0] if len(names) == 1 else f"{len(names)} resources"
    which = findings[0] if len(findings) == 1 else f"{len(findings)} findings"
    where = f" into {layer}" if layer else ""
    room = max(SUBJECT_LENGTH - len(f"Fold back {where} ({which})"), 20)
    if len(what) > room:
        what = f"…{what[-(room - 1) :]}"
    return one_line(f"Fold back {what}{where} ({which})")[:200]


def commit_message(
    *,
    subject: str,
    reason: str,
    change: str,
    findings: Sequence[str],
    decision: str,
    approvers: Sequence[Signature],
) -> str:
    """Subject, reason, and one last paragraph of trailers; what people wrote can't become a trailer."""
    trailers = [
        ("Change", change),
        *(("Finding", finding) for finding in findings),
        ("Decision", decision),
        *(("Approved-by", "{} <{}>".format(*clean_signature(approver))) for approver in approvers),
    ]
    return message_with_trailers(one_line(subject), reason, trailers)


def clean_signature(person: Signature) -> Signature:
    """A name and address that Git takes: one line, no angle brackets, neither of them empty."""
    name, address = (re.sub(r"[<>]", "", one_line(part)).strip(" .,:;'\"") for part in person)
    return name or "unnamed", address.replace(" ", "") or "no-address@invalid"


def one_line(text: str) -> str:
    return _NOT_ONE_LINE.sub(" ", text).strip()
