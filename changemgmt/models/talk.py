"""What people add to a change: comments and attachments. Both stay."""

from django.db import models
from django.db.models import Q

from changemgmt.core.attached import MAX_BYTES
from changemgmt.models.change import Change
from common.models import Person
from common.models.base import Record


class Comment(Record):
    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="comments")
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    via = models.CharField(max_length=200)  # the person's or the token's name
    text = models.TextField()

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="comment_says_something")]
        indexes = [models.Index(fields=["change", "created_at"], name="comment_of_change")]


class Attachment(Record):
    """Kept in the database, so that a backup has it; never shown inside a page."""

    change = models.ForeignKey(Change, on_delete=models.PROTECT, related_name="attachments")
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    via = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)  # by what is in it
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["change", "sha256", "name"], name="attachment_once"),
            models.CheckConstraint(condition=~Q(name=""), name="attachment_has_a_name"),
            models.CheckConstraint(
                condition=Q(size__gte=1, size__lte=MAX_BYTES), name="attachment_is_not_too_large"
            ),
        ]
