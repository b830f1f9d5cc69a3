"""The quick log: one field, and what can be tapped beside it."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms

from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from web.core.quick_notes import read_note
from web.forms.base import ConsoleForm
from web.queries.quick_log import hosts_named

LONGEST_AGO = 30 * 24 * 3600


class QuickLogForm(ConsoleForm):
    """`ago` is how many seconds before it was sent: the clock of a phone may be wrong, what it measured is not.

    `person` is whose phone it was typed on: whoever signs in there next doesn't send it as theirs.
    """

    pointers: ClassVar[dict[str, str]] = {
        "title": "text",
        "hosts": "text",
        "resources": "text",
        "description": "text",
    }

    text = forms.CharField(
        max_length=TEXT_LENGTH,
        strip=True,
        error_messages={"required": "A few words that still make sense next week."},
    )
    incident = forms.CharField(max_length=40, required=False)
    external_id = forms.CharField(max_length=80, required=False)
    person = forms.UUIDField(required=False)
    ago = forms.IntegerField(required=False, min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hosts: list[str] = self.data.getlist("hosts") if self.is_bound else []  # type: ignore[attr-defined]

    def change(self, now: datetime) -> dict[str, Any]:
        """What `log_change` takes, but for the incident."""
        data = self.cleaned_data
        note = read_note(data["text"], title_length=TITLE_LENGTH)
        ago = min(data["ago"] or 0, LONGEST_AGO)
        return {
            "title": note.title,
            "description": note.description,
            "kind": words.EMERGENCY,
            "hosts": list(dict.fromkeys([*self.hosts, *hosts_named(note.host_like)])),
            "resources": [f"file:{path}" for path in note.files],
            "happened_at": now - timedelta(seconds=ago),
            "external_id": data["external_id"],
        }
