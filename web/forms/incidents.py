"""Opening an incident, saying what one does in it, and ending it."""

from typing import Any, ClassVar

from django import forms

from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from common.models import Person
from web.forms.base import ConsoleForm, SelectorField
from web.forms.changes import as_resource
from web.queries.incidents import commanders

SEVERITY_LABELS = {
    words.CRITICAL: "Critical: nobody can use it",
    words.MAJOR: "Major: many are hurt",
    words.MINOR: "Minor: few are hurt",
}
_TIMES = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


def _time_field(label: str, help_text: str) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=_TIMES,
        error_messages={"invalid": "A time, such as 2026-03-01 03:12."},
    )


class IncidentForm(ConsoleForm):
    """One field is enough. `external_id` makes pressing the button twice harmless; of one that is there, `version` tells
    what was read."""

    pointers: ClassVar[dict[str, str]] = {"selector": "where", "hosts": "where"}

    title = forms.CharField(
        label="What is wrong?",
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(attrs={"placeholder": "checkout is down", "autofocus": True}),
        error_messages={"required": "A few words that others understand."},
    )
    where = SelectorField(
        label="Where",
        required=False,
        help_text="The hosts that are harmed: web-[1-37], role=web env=prod. They are looked at now, and again at the end.",
    )
    severity = forms.ChoiceField(label="How bad", choices=list(SEVERITY_LABELS.items()), initial=words.MAJOR)
    started_at = _time_field("Since when", "UTC. Empty means now.")
    commander = forms.ModelChoiceField(
        Person.objects.none(),
        label="Commander",
        required=False,
        empty_label="I lead it",
        to_field_name="username",
    )
    external_id = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_new:
            self.fields["commander"].queryset = commanders()  # type: ignore[attr-defined]
        else:
            del self.fields["commander"]
            self.fields["started_at"].help_text = "UTC."

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        given = {"title": data["title"], "selector": data["where"], "severity": data["severity"]}
        if data["started_at"]:
            given["started_at"] = data["started_at"]
        return given


class ComposerForm(ConsoleForm):
    """What somebody did, or saw: the first thing in the room."""

    pointers: ClassVar[dict[str, str]] = {
        "selector": "where", "hosts": "where", "resources": "paths", "happened_at": "when", "at": "when", "title": "text",
    }  # fmt: skip

    text = forms.CharField(
        label="What did you do, or see?",
        max_length=TEXT_LENGTH,
        widget=forms.TextInput(
            attrs={"placeholder": "raised worker_connections to 4096", "enterkeyhint": "send"}
        ),
        error_messages={"required": "A few words that still make sense next week."},
    )
    where = SelectorField(label="Where", required=False)
    paths = forms.CharField(
        label="Files, and what else",
        required=False,
        max_length=TEXT_LENGTH,
        help_text="One a line: a path, or a resource such as package:nginx.",
        widget=forms.Textarea(attrs={"rows": 2, "class": "mono", "spellcheck": "false"}),
    )
    when = _time_field("When", "UTC. Empty means now.")
    external_id = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput)

    def change(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "title": data["text"],
            "selector": data["where"],
            "resources": [as_resource(line.strip()) for line in data["paths"].splitlines() if line.strip()],
            "happened_at": data["when"],
            "external_id": data["external_id"],
        }


class HandOverForm(ConsoleForm):
    commander = forms.ModelChoiceField(
        Person.objects.none(), label="Who leads from now on", empty_label="Choose", to_field_name="username"
    )
    note = forms.CharField(
        label="What they have to know",
        required=False,
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, leading: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = commanders().exclude(pk=leading) if leading else commanders()
        self.fields["commander"].queryset = others  # type: ignore[attr-defined]


class CloseForm(ConsoleForm):
    summary = forms.CharField(
        label="What it was, and what helped",
        required=False,
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ReviewForm(ConsoleForm):
    text = forms.CharField(
        label="What was learnt",
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": "A sentence or two: what would have helped, and what will be different."},
    )


class ReopenForm(ConsoleForm):
    reason = forms.CharField(
        label="Why it opens again",
        max_length=2000,
        widget=forms.TextInput(attrs={"placeholder": "Why it opens again"}),
        error_messages={"required": "Say why it opens again: what was not over?"},
    )
