"""What to do about each reason why a host could not be looked at, or only in part. Keyed by the reason's stable part."""

from deployments.collector import reasons
from drift.core.outcome import REIMAGED

REMEDIES: dict[str, str] = {
    reasons.REFUSED: "Nothing listens on the SSH port: the host boots, its sshd is down, or it takes no more connections "
    "at once. It was tried again before it was given up. Is the port right? Does `MaxStartups` of its sshd suffice?",
    reasons.UNREACHABLE: "No way leads there: the host is off, its name does not resolve, or a network stands in between. "
    "Where it is gone for good, decommission it.",
    reasons.CONNECTION_LOST: "The connection broke. Once is a hiccup; the next scan looks again. Every time, ask the "
    "network and the host's sshd log.",
    reasons.TIMED_OUT: "It took longer than a host may. Is it overloaded, or a file system that hangs? "
    "FOLDBACK_SCAN_HOST_SECONDS gives hosts more time.",
    reasons.JUMP_HOST: "The way leads over a jump host, which failed; all hosts behind it are told the same. Mend that one.",
    reasons.AUTHENTICATION: "The host does not know our key. Is its public half in authorized_keys of the account? "
    "`manage.py test_credential NAME HOST` tries it.",
    reasons.SUDO_REFUSED: "The account may not run the collector by sudo. `manage.py collector kit` sets it up.",
    reasons.COMMAND_REFUSED: "The account runs something else than the collector: look at its shell and forced command.",
    reasons.HOST_KEY_UNKNOWN: "Nobody has confirmed its key yet, so nothing was sent to it. Enrol it: "
    "`manage.py enrol HOST`, or on the host's page.",
    reasons.HOST_KEY_CHANGED: "It shows another key than the one that was confirmed, so nothing was sent to it. It was "
    "installed anew, or something stands in between: find out which before you pin the new one.",
    reasons.HOST_KEY_REVOKED: "Its key was revoked. It needs a new one, and somebody to confirm it.",
    reasons.HOST_CERTIFICATE_DATE: "Its host certificate is too old or too new. Sign a new one, and look at the clocks.",
    reasons.HOST_CERTIFICATE_NAME: "Its host certificate is for another name. Sign one for the name that it is reached by.",
    reasons.DENIED: "The scanning account may not read something that is declared or watched. Give it the right "
    "(`manage.py collector kit`), or do not declare what can't be seen.",
    reasons.TOOL_MISSING: "The host lacks a tool that the look needs. Install it, or do not declare that kind there.",
    reasons.PROTOCOL: "What answers does not speak SSH as it should. Is it the right port?",
    reasons.GARBLED: "The answer is not in the format. Does a login script print something, or was an answer tampered with?",
    reasons.TRUNCATED: "The answer ended early. The next scan asks again.",
    reasons.OVER_LIMIT: "The host has more to show than a look takes. Watch less there, or ignore what grows.",
    reasons.CHANGED: "It changed while it was read. The next scan sees it.",
    reasons.READ_ERROR: "The host could not read it itself. Look at its disks and its kernel log.",
    reasons.NO_ROOT: "The directory that stands for this host is not there.",
    reasons.ROOT_REFUSED: "Only folders that FOLDBACK_LOCAL_ROOTS names may stand for a host.",
    reasons.OUTSIDE_ROOT: "A link leads out of the directory that stands for this host.",
    reasons.SECRET: "It is on a secret path, and can't be compared without FOLDBACK_HMAC_KEY, which workers need.",
    reasons.NOT_TEXT: "Its content is no text, so it can't be shown; its digest is compared.",
    reasons.NOT_TEXT_NAME: "A definition can't hold a name that is not UTF-8. Rename it, or ignore it.",
    reasons.NOT_SUPPORTED: "A definition can't hold this name. Rename it, or ignore it.",
    reasons.NOT_A_DIRECTORY: "Something else stands where a directory is declared.",
    reasons.OTHER_FILE_SYSTEM: "Another file system is mounted there, and a look does not cross into it.",
    reasons.OUTDATED: "Something moved before it could be recorded: a deployment, the definition, its roles. The next scan counts.",
    reasons.DECOMMISSIONED: "It was taken out of service while the scan ran. Nothing to do.",
    reasons.CANCELLED: "Somebody stopped the scan. Scan again.",
    reasons.NOT_ASKED: "The look did not get to it. The next scan asks again.",
    reasons.INTERNAL: "A fault of ours, not of the host. The worker's log has it; please report it.",
    REIMAGED: "It was installed anew, and not looked at since. Scan it.",
}


def remedy(code: str) -> str:
    """What to do, in a sentence or two; empty for a reason that is none of ours."""
    return REMEDIES.get(code, "")
