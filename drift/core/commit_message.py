"""The message of a fold-back's commit: what and why for people, trailers for programs."""

import re
from collections.abc import Sequence

SUBJECT_LENGTH = 72
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

Signature = tuple[str, str]  # name, address


def subject_line(*, findings: Sequence[str], resources: Sequence[str], layer: str) -> str:
    """`Fold back /etc/motd into roles/web (DRF-3)`, shortened from the inside when it is too long."""
    paths = sorted({resource.partition(":")[2] for resource in resources})
    what = paths[0] if len(paths) == 1 else f"{len(paths)} resources"
    which = findings[0] if len(findings) == 1 else f"{len(findings)} findings"
    where = f" into {layer}" if layer else ""
    room = SUBJECT_LENGTH - len(f"Fold back {where} ({which})")
    if len(what) > room > 8:
        what = f"…{what[-(room - 1) :]}"
    return _line(f"Fold back {what}{where} ({which})")


def commit_message(
    *,
    subject: str,
    reason: str,
    change: str,
    findings: Sequence[str],
    decision: str,
    approvers: Sequence[Signature],
) -> str:
    """Subject, reason, and one last paragraph of trailers.

    What people wrote can't become a trailer: it stands in paragraphs of its own, and names are one line each.
    """
    trailers = [
        f"Change: {change}",
        *(f"Finding: {finding}" for finding in findings),
        f"Decision: {decision}",
        *(f"Approved-by: {signature(approver)}" for approver in approvers),
    ]
    return (
        "\n\n".join([_line(subject), _text(reason), "\n".join(_line(trailer) for trailer in trailers)]) + "\n"
    )


def signature(person: Signature) -> str:
    name, address = clean_signature(person)
    return f"{name} <{address}>"


def clean_signature(person: Signature) -> Signature:
    """A name and address that Git takes as they are: no angle brackets, no line breaks, never an empty name."""
    name, address = (re.sub(r"[<>]", "", _line(part)).strip(" .,:;") for part in person)
    return name or "unnamed", address.replace(" ", "")


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", _CONTROL.sub(" ", text)).strip()


def _text(text: str) -> str:
    lines = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip().splitlines()
    return "\n".join(line.rstrip() for line in lines)
