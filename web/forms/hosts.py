from typing import Any

from django import forms

from web.forms.base import ConsoleForm

_NAME = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "class": "mono"}


class RenameForm(ConsoleForm):
    name = forms.CharField(
        label="New name",
        max_length=253,
        widget=forms.TextInput(attrs=_NAME),
        error_messages={"required": "Say how it is called now."},
    )
    accept_layer = forms.BooleanField(
        label="It is meant so: the host gets another layer of its own in the definition", required=False
    )


class KeysForm(ConsoleForm):
    """Fingerprints are ticked one by one: each stands for a look at the host's own console."""

    fingerprints = forms.MultipleChoiceField(widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(self, *args: Any, offered: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fingerprints"].choices = [(text, text) for text in offered]  # type: ignore[attr-defined]


class ReimageForm(KeysForm):
    reason = forms.CharField(
        label="Why", required=False, max_length=2000, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
