"""Freezes and maintenance periods: made, changed and called off by release managers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction

from changemgmt.core import words
from changemgmt.core.lifecycles import WINDOW
from changemgmt.core.texts import clean_text, clean_title
from changemgmt.core.windows import Times, check_times
from changemgmt.models import Window
from changemgmt.services.records import person_of, who_was_last
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, Invalid, PreconditionFailed
from common.services.ledger import record_entry, transition
from common.services.outbox import emit_event
from inventory.queries.hosts import parse_selector

PERMISSION = "window.edit"
_TIMES = ("starts_at", "ends_at", "timezone", "rule", "excluded")
EDITABLE = ("title", "description", "selector", *_TIMES)


def create_window(
    *,
    actor: Actor,
    kind: str,
    title: str,
    selector: str,
    starts_at: datetime,
    ends_at: datetime,
    description: str = "",
    timezone: str = "UTC",
    rule: str = "",
    excluded: Sequence[date] = (),
) -> Window:
    """A freeze or a maintenance period; `starts_at` to `ends_at` is its first time, `rule` says how it recurs on the
    wall clock of `timezone`, except on `excluded` days. The selector may name no host yet.

    Raises Invalid, with pointers, for what can't be.
    """
    roles.require(actor, PERMISSION)
    if kind not in words.WINDOW_KINDS:
        told = f"{kind!r} is not a kind of window; those are {', '.join(words.WINDOW_KINDS)}"
        raise Invalid(f"/kind: {told}.", errors=[FieldError("/kind", told)])
    times = Times(starts_at, ends_at, timezone, rule, tuple(excluded))
    values = {
        "kind": kind,
        "title": clean_title("title", title),
        "description": clean_text("description", description),
        "selector": parse_selector(selector, pointer="/selector").canonical,
        **_checked(times),
    }
    with transaction.atomic():
        window = Window.objects.create(created_by=person_of(actor), **values)
        data = {name: _plain(value) for name, value in values.items()}
        record_entry(actor=actor, action="window.created", subject=window, data=data)
        emit_event(type="window.created", subject=window)
    return window


def update_window(
    *, actor: Actor, window: Window, fields: Mapping[str, Any], expected_version: int | None = None
) -> Window:
    """Change what a window says; `fields` are of EDITABLE, `expected_version` is the version that was read.

    One that was called off stays as it was: Conflict. The ledger keeps what it said before.
    """
    roles.require(actor, PERMISSION)
    if unknown := set(fields) - set(EDITABLE):
        raise Invalid(f"These can't be edited: {', '.join(sorted(unknown))}.")
    cleaned = dict(fields)
    if "title" in cleaned:
        cleaned["title"] = clean_title("title", cleaned["title"])
    if "description" in cleaned:
        cleaned["description"] = clean_text("description", cleaned["description"])
    if "selector" in cleaned:
        cleaned["selector"] = parse_selector(cleaned["selector"], pointer="/selector").canonical
    with transaction.atomic():
        locked = _lock(window)
        if expected_version is not None and locked.version != expected_version:
            raise PreconditionFailed(
                f"{locked} has changed since you read it. Read it again, and send your change with the new ETag."
            )
        if locked.state != "active":
            raise Conflict(f"{locked} is {locked.state}: it stays as it was. Make a new one.")
        if any(_differs(locked, name, cleaned) for name in _TIMES):
            times = {name: cleaned.get(name, getattr(locked, name)) for name in _TIMES}
            times["excluded"] = tuple(times["excluded"])
            cleaned |= _checked(Times(**times), began=locked.starts_at)
        changed = {name: value for name, value in cleaned.items() if getattr(locked, name) != value}
        if not changed:
            return locked
        before = {name: _plain(getattr(locked, name)) for name in changed}
        for name, value in changed.items():
            setattr(locked, name, value)
        locked.version += 1
        locked.save(update_fields=[*changed, "version"])
        after = {name: _plain(value) for name, value in changed.items()}
        record_entry(actor=actor, action="window.updated", subject=locked, data={"from": before, "to": after})
        emit_event(type="window.updated", subject=locked, data={"fields": sorted(changed)})
    return locked


def cancel_window(*, actor: Actor, window: Window, reason: str = "") -> Window:
    """Call it off from now on, all of its times; what it held before is history. Raises Conflict when it is already."""
    roles.require(actor, PERMISSION)
    reason = clean_text("reason", reason)
    with transaction.atomic():
        locked = _lock(window)
        if locked.state != "active":
            raise Conflict(f"{locked} is {locked.state} already: {who_was_last(locked)}.")
        transition(
            actor=actor,
            lifecycle=WINDOW,
            subject=locked,
            event="cancel",
            action="window.cancelled",
            data={"reason": reason} if reason else {},
            fields={"version": locked.version + 1},
            emits="window.cancelled",
        )
    return locked


def _lock(window: Window) -> Window:
    return Window.objects.select_for_update().get(pk=window.pk)


def _checked(times: Times, *, began: datetime | None = None) -> dict[str, Any]:
    """The times as they are kept. One that began long ago may stay: the year within which one may begin counts from it."""
    now = clock.now()
    checked = check_times(times, now=min(now, began) if began else now)
    return {name: getattr(checked, name) for name in _TIMES} | {"excluded": list(checked.excluded)}


def _differs(window: Window, name: str, fields: Mapping[str, Any]) -> bool:
    return name in fields and fields[name] != getattr(window, name)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
