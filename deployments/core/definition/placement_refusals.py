"""What is never folded into the definition: secrets, redacted content, what is not known."""

import hashlib
from collections.abc import Iterable

from deployments.core.content_digests import is_masked
from deployments.core.definition.model import Definition
from deployments.core.definition.placement_model import Case, path_of
from deployments.core.redaction import is_secret_path, redact
from deployments.core.states import Present, State, Undeclared, Unknown


def never_folded(definition: Definition, cases: Iterable[Case]) -> str:
    """Why this change may be folded back nowhere; empty where nothing stands against it."""
    for case in cases:
        reason = _unknown(case) or _secret(definition, case)
        if reason:
            return reason
    return ""


def _unknown(case: Case) -> str:
    name = case.host.name
    if isinstance(case.live, Unknown):
        return f"what {name} has is not known: {case.live.reason}"
    if isinstance(case.head, Unknown):
        return f"what the definition says for {name} is not known: {case.head.reason}"
    if isinstance(case.live, Undeclared):
        return f"{name} has nothing there that was observed"
    return ""


def _secret(definition: Definition, case: Case) -> str:
    if not concerns_content(case):
        return ""
    path, name = path_of(case.resource), case.host.name
    if (case.desired is not None and case.desired.how == "secret") or is_secret_path(
        path, definition.secret_paths
    ):
        return (
            f"{path} is a secret path: its content never goes into the definition; change the secret instead"
        )
    if is_masked(case.head):
        return (
            f"what the definition says of {path} looks as if it held a secret itself; move that into a file of its own, "
            "declared with secret:, before anything of this file is folded back"
        )
    content = case.occurrence.content
    if content is None:
        return f"the live content on {name} is not available (binary, over the size cap, or redacted)"
    if hashlib.sha256(content).hexdigest() != _attribute(case.live, "sha256"):
        return f"the content kept for {name} is not exactly what is live (redacted, or changed since it was looked at)"
    found = redact(content.decode("utf-8", errors="replace")).count
    if found:
        return (
            f"the live content on {name} looks as if it held {found} secret(s); secrets are never folded back"
        )
    return ""


def concerns_content(case: Case) -> bool:
    """Whether folding the change back would write the live file's content."""
    if case.kind in ("declare", "retype"):
        return case.live_type == "file"
    if case.kind != "edit":
        return False
    return case.secret_changed or bool({"sha256", "hmac"} & case.changed)


def _attribute(state: State, name: str) -> object:
    return state.data.get(name) if isinstance(state, Present) else None
