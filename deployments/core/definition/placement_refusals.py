"""What is never folded into the definition: secrets, redacted content, what is not known."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

from deployments.core.content_digests import is_masked
from deployments.core.definition.model import Definition
from deployments.core.definition.placement_model import Case, key_of
from deployments.core.redaction import is_secret_path, redact
from deployments.core.secret_shapes import PLACEHOLDER
from deployments.core.states import Present, State, Undeclared, Unknown


def never_folded(definition: Definition, cases: Iterable[Case]) -> str:
    """Why this change may be folded back nowhere; empty where nothing stands against it."""
    for case in cases:
        reason = _unknown(case) or _secret(definition, case) or _secret_in_state(case)
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
    path, name = key_of(case.resource), case.host.name
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


def _secret_in_state(case: Case) -> str:
    """Command lines and drop-ins are in the state itself; what looked like a secret was taken out on arrival."""
    if not isinstance(case.live, Present):
        return ""
    name = case.host.name
    if case.occurrence.redacted:
        return f"{case.occurrence.redacted} secret(s) were taken out of what {name} shows; secrets are never folded back"
    if any(PLACEHOLDER in text or redact(text).count for text in _texts(case.live.data.values())):
        return f"what {name} shows looks as if it held a secret; secrets are never folded back"
    return ""


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        match value:
            case str():
                yield value
            case list() | tuple():
                yield from _texts(value)
            case Mapping():
                yield from _texts(value.values())


def concerns_content(case: Case) -> bool:
    """Whether folding the change back would write the live file's content."""
    if case.kind in ("declare", "retype"):
        return case.live_type == "file"
    if case.kind != "edit":
        return False
    return case.secret_changed or bool({"sha256", "hmac"} & case.changed)


def _attribute(state: State, name: str) -> object:
    return state.data.get(name) if isinstance(state, Present) else None
