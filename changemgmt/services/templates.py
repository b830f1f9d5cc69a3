"""Templates of routine changes: one person writes one, another approves it, and what is made from it needs no more.

What was approved is never edited. A new version is a new row that waits for its own approval, and retires the old one:
until somebody has approved it, nothing is made from either.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from changemgmt.core import words
from changemgmt.core.filing import check_plan, check_risk, invalid
from changemgmt.core.scope import clean_resources
from changemgmt.core.texts import clean_text, clean_title
from changemgmt.models import ChangeTemplate
from changemgmt.services.records import person_of, who_was_last
from common import clock
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, NotPermitted, PreconditionFailed
from common.services.ledger import record_entry
from common.services.outbox import emit_event
from inventory.core.names import word_problem
from inventory.queries.hosts import parse_selector

FIELDS = ("title", "description", "plan", "backout", "selector", "resources", "risk")


def propose_template(*, actor: Actor, name: str, **fields: Any) -> ChangeTemplate:
    """A routine change, written down; it can be used when another person has approved it."""
    template = ChangeTemplate(name=name.strip(), proposed_by=_writer(actor))
    if problem := word_problem("template", template.name):
        raise invalid("/name", problem)
    _take(template, fields)
    try:
        with transaction.atomic():
            _write(actor, template)
    except IntegrityError:
        raise Conflict(
            f"There is a template called {template.name}. PATCH it for a new version, or retire it."
        ) from None
    return template


def revise_template(
    *, actor: Actor, template: ChangeTemplate, fields: Mapping[str, Any], expected_version: int | None = None
) -> ChangeTemplate:
    """A new version, which waits for another person's approval; the one there was is retired at once."""
    writer = _writer(actor)
    with transaction.atomic():
        locked = _lock(template)
        if expected_version is not None and locked.version != expected_version:
            raise PreconditionFailed("Read it again, look at what changed, and send yours with the new ETag.")
        said = {name: getattr(locked, name) for name in FIELDS}
        after = ChangeTemplate(name=locked.name, proposed_by=writer, version=locked.version + 1)
        _take(after, said | dict(fields))
        if {name: getattr(after, name) for name in FIELDS} == said:
            return locked
        locked.retired_at = clock.now()
        locked.save(update_fields=["retired_at"])
        _write(actor, after)
    return after


def approve_template(*, actor: Actor, template: ChangeTemplate) -> ChangeTemplate:
    """Another person has read it, and says yes. Whatever is filed from it needs no approval of its own."""
    roles.require(actor, "change.approve")
    if actor.kind != "person":
        raise NotPermitted("Only a person can approve a template: a program doesn't answer for anything.")
    person = person_of(actor)
    with transaction.atomic():
        locked = _lock(template)
        if locked.approved_at is not None:
            told = f"{locked.name} (version {locked.version}) is approved already"
            raise Conflict(f"{told}: {who_was_last(locked)}.")
        if settings.FOUR_EYES and locked.proposed_by_id == person.pk:
            raise NotPermitted(f"Somebody else decides on this: you wrote {locked.name}.")
        locked.approved_by, locked.approved_at = person, clock.now()
        locked.four_eyes = settings.FOUR_EYES
        locked.save(update_fields=["approved_by", "approved_at", "four_eyes"])
        data = {"version": locked.version, "four_eyes": locked.four_eyes}
        record_entry(actor=actor, action="change-template.approved", subject=locked, data=data)
        emit_event(type="change-template.approved", subject=locked)
    return locked


def retire_template(*, actor: Actor, template: ChangeTemplate, reason: str = "") -> ChangeTemplate:
    """Nothing is made from it any more. Changes that were, stay as they are."""
    roles.require(actor, "template.edit")
    with transaction.atomic():
        locked = _lock(template)
        locked.retired_at = clock.now()
        locked.save(update_fields=["retired_at"])
        data = {"reason": clean_text("reason", reason), "version": locked.version}
        record_entry(actor=actor, action="change-template.retired", subject=locked, data=data)
    return locked


def _lock(template: ChangeTemplate) -> ChangeTemplate:
    locked = ChangeTemplate.objects.select_for_update().get(pk=template.pk)
    if locked.retired_at is not None:
        raise Conflict(f"{locked.name} (version {locked.version}) is retired: {who_was_last(locked)}.")
    return locked


def _writer(actor: Actor) -> Any:
    roles.require(actor, "template.edit")
    if actor.kind != "person":
        raise NotPermitted("Only a person can write a template: somebody answers for it.")
    return person_of(actor)


def _take(template: ChangeTemplate, fields: Mapping[str, Any]) -> None:
    template.title = clean_title("title", fields.get("title", ""))
    template.description = clean_text("description", fields.get("description", ""))
    template.plan = clean_text("plan", fields.get("plan", ""))
    template.backout = clean_text("backout", fields.get("backout", ""))
    check_plan(template.plan, template.backout)
    template.selector = parse_selector(fields.get("selector", ""), pointer="/selector").canonical
    template.resources = clean_resources(fields.get("resources", ()))
    template.risk = check_risk(fields.get("risk", "")) or words.LOW


def _write(actor: Actor, template: ChangeTemplate) -> None:
    template.save(force_insert=True)
    data = {name: getattr(template, name) for name in FIELDS} | {"version": template.version}
    record_entry(actor=actor, action="change-template.proposed", subject=template, data=data)
    emit_event(type="change-template.proposed", subject=template)
