"""Somebody who can answer for something: added, corrected, let go."""

from typing import Any, ClassVar

from django import forms

from common.core import roles
from common.models import Person
from web.forms.base import ConsoleForm

_NAMES = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "class": "mono"}


class PersonForm(ConsoleForm):
    """`version` is what was read: a form that lay open while somebody else changed the person is refused."""

    pointers: ClassVar[dict[str, str]] = {}

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    username = forms.CharField(
        label="Username",
        max_length=64,
        widget=forms.TextInput(attrs=_NAMES),
        help_text="As they sign in, and as logins on hosts are told: ana. It stays theirs.",
        error_messages={"required": "One word, as they sign in."},
    )
    name = forms.CharField(label="Name", max_length=200, error_messages={"required": "As others know them."})
    email = forms.CharField(label="E-mail", max_length=254, required=False)
    role = forms.ChoiceField(
        label="Role",
        choices=[(role, role) for role in roles.PERSON_ROLES],
        help_text="What they may do; it holds from their next click on, for their tokens, too.",
    )

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["username"]

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}


class LeaveForm(ConsoleForm):
    successor = forms.ModelChoiceField(
        Person.objects.none(),
        label="Who takes over their open changes",
        required=False,
        empty_label="the leads of the teams that have the hosts",
        to_field_name="username",
    )

    def __init__(self, *args: Any, leaving: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Person.objects.filter(is_active=True).exclude(pk=leaving.pk).order_by("username")
        self.fields["successor"].queryset = others  # type: ignore[attr-defined]
