"""What people add to a change, whatever its state: comments and attachments. Both stay."""

import hashlib

from django.db import transaction

from changemgmt.core.attached import MAX_PER_CHANGE, check_content, clean_name
from changemgmt.core.texts import clean_text
from changemgmt.models import Attachment, Change, Comment
from changemgmt.services.records import lock_change, person_of
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Unprocessable
from common.services.ledger import record_entry
from common.services.outbox import emit_event


def add_comment(*, actor: Actor, change: Change, text: str) -> Comment:
    """Say something about a change. Emits `change.commented` with the comment's id."""
    roles.require(actor, "change.log")
    text = clean_text("text", text, required=True)
    person = person_of(actor)
    with transaction.atomic():
        comment = Comment.objects.create(change=change, author=person, via=actor.label, text=text)
        said = {"comment": str(comment.pk)}
        record_entry(actor=actor, action="change.commented", subject=change, data=said | {"text": text})
        emit_event(type="change.commented", subject=change, data=said)
    return comment


def attach_file(*, actor: Actor, change: Change, name: str, content: bytes) -> tuple[Attachment, bool]:
    """Keep a file with a change; returns it, and whether it is new: the same content under the same name is kept once.

    Raises Invalid for a type that is not taken (told from the content), TooLarge beyond 5 MB, and Unprocessable when
    the change has 20 already. Emits `change.attached` with the attachment's id.
    """
    roles.require(actor, "change.log")
    name = clean_name(name)
    content_type = check_content(content)
    digest = hashlib.sha256(content).hexdigest()
    person = person_of(actor)
    with transaction.atomic():
        lock_change(change)  # two at once are counted one after the other
        there = Attachment.objects.filter(change=change).defer("content")
        if (known := there.filter(sha256=digest, name=name).first()) is not None:
            return known, False
        if there.count() >= MAX_PER_CHANGE:
            raise Unprocessable(
                f"{change} has {MAX_PER_CHANGE} attachments, which is the most. Put several files into one archive."
            )
        attachment = Attachment.objects.create(
            change=change,
            author=person,
            via=actor.label,
            name=name,
            content_type=content_type,
            size=len(content),
            sha256=digest,
            content=content,
        )
        said = {"attachment": str(attachment.pk)}
        about = {"name": name, "content_type": content_type, "size": len(content), "sha256": digest}
        record_entry(actor=actor, action="change.attached", subject=change, data=said | about)
        emit_event(type="change.attached", subject=change, data=said)
    return attachment, True
