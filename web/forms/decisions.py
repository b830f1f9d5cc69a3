"""Proposing, approving, taking back."""

from datetime import UTC, date, datetime, time
from typing import Any, ClassVar

from django import forms

from web.forms.base import ConsoleForm


def _reason(label: str, help_text: str, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=20_000,
        required=required,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={
            "required": "Say why: whoever approves it, and whoever reads the history, has only this."
        },
    )


class FoldBackForm(ConsoleForm):
    """`placement` is the key of one finding's placement; several findings are folded where each is declared."""

    placement = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    reason = _reason("Why it should stay", "It becomes the message of the commit.")

    def __init__(self, *args: Any, needs_placement: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.needs_placement = needs_placement

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.needs_placement and not data.get("placement"):
            self.add_error(None, "Choose where in the definition it belongs.")
        return data


class HandEditForm(ConsoleForm):
    reason = _reason("Why it should be so", "It becomes the message of the commit.")


class WaiveForm(ConsoleForm):
    until = forms.DateField(
        label="Accepted until",
        help_text="The end of that day, UTC. Then it opens again by itself.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={
            "invalid": "A date, such as 2026-03-31.",
            "required": "A waiver ends: choose its last day.",
        },
    )
    reason = _reason("Why it may stay for now", "Whoever approves it reads this.")

    def until_at(self) -> datetime:
        day: date = self.cleaned_data["until"]
        return datetime.combine(day, time(23, 59), tzinfo=UTC)


class VerdictForm(ConsoleForm):
    """A comment when approving, the reason when refusing; `digest` is of what was read."""

    pointers: ClassVar[dict[str, str]] = {"reason": "comment"}

    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    comment = forms.CharField(
        label="Comment",
        max_length=20_000,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Comment; a reason to refuse", "autocomplete": "off"}),
    )
