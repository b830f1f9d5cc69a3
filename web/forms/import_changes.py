"""A CSV of another change system, and what its columns mean."""

from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms

from changemgmt.core.history import COLUMNS, MAX_BYTES
from common.models import Person
from web.forms.base import ConsoleForm


class ImportChangesForm(ConsoleForm):
    """What was chosen as a file comes back as text with the preview, so that it is sent once."""

    pointers: ClassVar[dict[str, str]] = {}

    file = forms.FileField(label="A CSV", required=False, allow_empty_file=True)
    text = forms.CharField(
        label="Or its text",
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={
                "rows": 4,
                "class": "mono",
                "spellcheck": "false",
                "placeholder": "external_id,title,happened_at",
            }
        ),
    )
    source = forms.CharField(
        label="Where it comes from",
        max_length=63,
        help_text="The other system in one word, such as servicenow: with it, a change is imported once.",
    )
    owner = forms.CharField(
        label="Who answers for what nobody here owns",
        required=False,
        max_length=64,
        help_text="A username. The description keeps who it was.",
    )
    timezone = forms.CharField(label="Its times without an offset are in", max_length=64, initial="UTC")
    columns = forms.CharField(
        label="What its columns mean",
        required=False,
        help_text=f"One a line: number = external_id. There are {', '.join(COLUMNS)}; columns that are called so "
        "need no line.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
    )

    def clean_file(self) -> Any:
        upload = self.cleaned_data["file"]
        if upload is not None and upload.size > MAX_BYTES:
            raise forms.ValidationError(f"{MAX_BYTES // 1_000_000} MB at most: import it in parts.")
        return upload

    def clean_owner(self) -> Person | None:
        name = self.cleaned_data["owner"].strip()
        found = Person.objects.filter(username=name, is_active=True).first() if name else None
        if name and found is None:
            raise forms.ValidationError(f"There is no active person {name}.")
        return found

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"].strip()
        if zone not in available_timezones():
            raise forms.ValidationError("Such as Europe/Berlin, or UTC.")
        return zone

    def clean_columns(self) -> dict[str, str]:
        meanings = {}
        for line in filter(str.strip, self.cleaned_data["columns"].splitlines()):
            theirs, _, ours = line.rpartition("=")
            if not theirs.strip() or ours.strip() not in COLUMNS:
                raise forms.ValidationError(
                    f"“{line.strip()[:80]}”: write their name = one of {', '.join(COLUMNS)}."
                )
            meanings[theirs.strip()] = ours.strip()
        return meanings

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("file") is None and not cleaned.get("text") and "file" not in self.errors:
            self.add_error("file", "Choose a file, or put its text below.")
        return cleaned

    def content(self) -> bytes:
        """The file's bytes; the text where there is none. What is read is kept as the text."""
        upload = self.cleaned_data["file"]
        if upload is None:
            text: str = self.cleaned_data["text"]
            return text.encode(errors="replace")
        content: bytes = upload.read()
        self.data = {
            **{name: self.data.get(name) for name in self.data},
            "text": content.decode("utf-8-sig", errors="replace"),
        }
        return content
