"""Logging a change, and narrowing the list of changes."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms

from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from common import clock
from web.forms.base import ConsoleForm, SelectorField
from web.queries.changes import STATES, ChangeFilter

KIND_LABELS = {
    words.EMERGENCY: "Emergency: recorded first, reviewed afterwards",
    words.NORMAL: "Normal: planned, and done already",
    words.STANDARD: "Standard: routine, agreed beforehand",
}


class LogChangeForm(ConsoleForm):
    """One field is enough. `external_id` makes pressing the button twice harmless."""

    pointers: ClassVar[dict[str, str]] = {
        "selector": "where",
        "hosts": "where",
        "resources": "paths",
        "happened_at": "when",
    }

    title = forms.CharField(
        label="What did you change?",
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(
            attrs={
                "placeholder": "raised worker_connections to 4096",
                "autofocus": True,
                "enterkeyhint": "send",
            }
        ),
        error_messages={"required": "A few words that still make sense next week."},
    )
    where = SelectorField(
        label="Where", required=False, help_text="Hosts by name or selector: web-[1-37], role=web env=prod."
    )
    paths = forms.CharField(
        label="Files, and what else",
        required=False,
        max_length=TEXT_LENGTH,
        help_text="One a line: a path such as /etc/nginx/nginx.conf, or a resource such as package:nginx.",
        widget=forms.Textarea(
            attrs={"rows": 2, "class": "mono", "spellcheck": "false", "autocapitalize": "off"}
        ),
    )
    when = forms.DateTimeField(
        label="When",
        required=False,
        help_text="UTC. Empty means now.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        error_messages={"invalid": "A time, such as 2026-03-01 03:12."},
    )
    description = forms.CharField(
        label="Why, and what else there is to know",
        required=False,
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    kind = forms.ChoiceField(
        label="Kind", choices=list(KIND_LABELS.items()), initial=words.EMERGENCY, required=False
    )
    external_id = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput)

    def details(self) -> list[forms.BoundField]:
        return [self[name] for name in ("paths", "when", "description", "kind")]

    def has_details(self) -> bool:
        """Whether the part that is folded away holds something that a person must see."""
        return any(
            self[name].errors or (self[name].value() and name != "kind")
            for name in ("paths", "when", "description")
        )

    def service_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "title": data["title"],
            "description": data["description"],
            "kind": data["kind"] or words.EMERGENCY,
            "selector": data["where"],
            "resources": [as_resource(line.strip()) for line in data["paths"].splitlines() if line.strip()],
            # What is logged here has been done, whatever its kind.
            "happened_at": data["when"] or clock.now(),
            "external_id": data["external_id"],
        }


def as_resource(text: str) -> str:
    """A path means a file; anything else is a resource id already, or is refused by who keeps it."""
    return f"file:{text}" if text.startswith("/") else text


class ChangeFilterForm(ConsoleForm):
    q = forms.CharField(label="Text", required=False, max_length=200)
    host = forms.CharField(label="Host", required=False, max_length=255)
    owner = forms.CharField(label="Owner", required=False, max_length=200)
    kind = forms.ChoiceField(
        label="Kind", required=False, choices=[("", "any kind"), *((kind, kind) for kind in words.KINDS)]
    )
    state = forms.ChoiceField(
        label="State", required=False, choices=[("", "any state"), *((state, state) for state in STATES)]
    )
    risk = forms.ChoiceField(
        label="Risk", required=False, choices=[("", "any risk"), *((risk, risk) for risk in words.RISKS)]
    )
    incident = forms.CharField(label="Incident", required=False, max_length=40)
    overdue = forms.BooleanField(label="Overdue", required=False)
    since = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(
        label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def wanted(self) -> ChangeFilter:
        """What was asked for; fields that can't be read are left out (their errors are shown)."""
        self.is_valid()
        data = {name: self.cleaned_data.get(name) for name in self.fields}
        since, until = data["since"], data["until"]
        return ChangeFilter(
            text=_clean(data["q"]),
            host=_clean(data["host"]),
            owner=_clean(data["owner"]),
            kind=data["kind"] or "",
            state=data["state"] or "",
            risk=data["risk"] or "",
            incident=_clean(data["incident"]),
            overdue=bool(data["overdue"]),
            since=datetime.combine(since, time.min, tzinfo=UTC) if since else None,
            until=datetime.combine(until + timedelta(days=1), time.min, tzinfo=UTC) if until else None,
        )


def _clean(text: str | None) -> str:
    return (text or "").strip()
