"""The few words that go with what is done to a change from its page; each `name` is where the page shows the form."""

from typing import Any, ClassVar

from django import forms

from changemgmt.core.texts import TEXT_LENGTH
from common.models import Person
from web.forms.base import ConsoleForm


class VerbForm(ConsoleForm):
    """One of several forms of one page. What it was refused for stands beside it, and it takes the keyboard."""

    name: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **({"auto_id": f"{self.name}-%s"} | kwargs))
        if self.is_bound:
            next(iter(self.fields.values())).widget.attrs["autofocus"] = True


def _text(label: str, *, help_text: str = "", missing: str = "", **attrs: Any) -> forms.CharField:
    """Without `missing`, it may be empty as far as the form is concerned."""
    return forms.CharField(
        label=label,
        help_text=help_text,
        required=bool(missing),
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2, **attrs}),
        error_messages={"required": missing} if missing else None,
    )


class OutcomeForm(VerbForm):
    name = "outcome"
    outcome = _text("What came of it", help_text="Say why, and what is left of it, when it failed.")


class ReviewForm(VerbForm):
    name = "review"
    text = _text("Looking back: what was learnt", missing="A sentence or two, for whoever does it next.")


class CommentForm(VerbForm):
    name = "comment"
    text = _text("Comment", missing="Write something first.", placeholder="What others should know")


class AttachForm(VerbForm):
    name = "attach"
    # What was sent is looked at by who keeps it: an empty file is told in words of its own.
    file = forms.FileField(
        label="A file", allow_empty_file=True, error_messages={"required": "Choose a file first."}
    )


class TransferForm(VerbForm):
    name = "transfer"
    to = forms.ChoiceField(
        label="To whom",
        error_messages={
            "required": "Say who answers for it from now on.",
            "invalid_choice": "Nobody of this name can take it over: they are not here, or may not log changes.",
        },
    )
    reason = forms.CharField(label="Why", required=False, max_length=2000)

    def __init__(self, *args: Any, people: list[Person], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(one.username, f"{one.name} ({one.username})") for one in people]
        self.fields["to"].choices = [("", "Choose"), *named]  # type: ignore[attr-defined]


class EndWaiverForm(VerbForm):
    name = "end"
    reason = forms.CharField(
        label="Why it ends now",
        max_length=TEXT_LENGTH,
        error_messages={"required": "Say why it ends: whoever reads the history has only this."},
        widget=forms.TextInput(attrs={"placeholder": "Why it ends now"}),
    )
