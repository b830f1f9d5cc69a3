"""A team: who leads it, who is in it."""

import re
from typing import Any, ClassVar

from django import forms

from common.models import Person
from web.core.sentences import listed
from web.forms.base import ConsoleForm

_NAMES = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "class": "mono"}
MOST_MEMBERS = 500


class TeamForm(ConsoleForm):
    """People are typed as usernames; whom nobody knows is told at the field. `version` is what was read."""

    pointers: ClassVar[dict[str, str]] = {}

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(
        label="Name",
        max_length=63,
        widget=forms.TextInput(attrs=_NAMES | {"placeholder": "payments"}),
        help_text="One word; letters, digits, dots, dashes and underscores. Hosts name it as their team.",
        error_messages={"required": "Give it a name, such as payments."},
    )
    lead = forms.CharField(
        label="Lead",
        max_length=64,
        widget=forms.TextInput(attrs=_NAMES | {"placeholder": "ben"}),
        help_text="A username. They answer for what happens on the team’s hosts when nobody else does.",
        error_messages={"required": "Say who leads it."},
    )
    members = forms.CharField(
        label="Members",
        required=False,
        max_length=40_000,
        widget=forms.Textarea(attrs=_NAMES | {"rows": 4, "placeholder": "ana dee"}),
        help_text="Usernames of who else is in it, with spaces or on lines of their own. They hear of what concerns the team.",
    )
    description = forms.CharField(label="What it does", max_length=300, required=False)

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["name"]

    def clean_lead(self) -> Person:
        return self._people([self.cleaned_data["lead"].strip()])[0]

    def clean_members(self) -> list[Person]:
        names = list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["members"].strip())))
        if len(names) > MOST_MEMBERS:
            raise forms.ValidationError(f"A team has at most {MOST_MEMBERS} members.")
        return self._people([name for name in names if name])

    def _people(self, names: list[str]) -> list[Person]:
        known = {person.username: person for person in Person.objects.filter(username__in=names)}
        if unknown := [name for name in names if name not in known]:
            raise forms.ValidationError(f"Nobody has the username {listed(unknown[:5])}.")
        return [known[name] for name in names]

    def values(self) -> dict[str, Any]:
        """What was typed, without the version."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}
