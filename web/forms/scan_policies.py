from typing import Any, ClassVar

from django import forms

from web.core import periods
from web.forms.base import ConsoleForm, SelectorField

_NAME = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "class": "mono"}


class PeriodField(forms.CharField):
    """`5 min`, `1 day`, or nothing for never; seconds inside."""

    def __init__(self, *, example: str, **kwargs: Any) -> None:
        # No max_length: its validator would measure the seconds.
        widget = forms.TextInput(attrs={"autocomplete": "off", "placeholder": example, "maxlength": "60"})
        super().__init__(required=False, widget=widget, **kwargs)

    def to_python(self, value: Any) -> Any:
        try:
            return periods.parse(str(super().to_python(value) or "")[:60])
        except ValueError:
            raise forms.ValidationError("Say a length of time: 30 s, 5 min, 2 h, 1 day.") from None

    def prepare_value(self, value: Any) -> Any:
        return periods.told(value) if isinstance(value, int) else value


class ScanPolicyForm(ConsoleForm):
    """`version` is what was read: a form that lay open while somebody else changed the policy is refused."""

    pointers: ClassVar[dict[str, str]] = {"hosts": "selector"}

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(
        label="Name",
        max_length=63,
        widget=forms.TextInput(attrs=_NAME | {"placeholder": "production"}),
        help_text="One word; letters, digits, dots, dashes and underscores.",
        error_messages={"required": "Give it a name, such as production."},
    )
    selector = SelectorField(
        label="Which hosts",
        help_text="role=web env=prod, web-[1-37], -name=web-9; * is every host. Asked anew each time, so new hosts are in.",
        error_messages={"required": "Say which hosts; * is every host."},
    )
    quick_every = PeriodField(
        label="Quick look every",
        example="5 min",
        help_text="Asks whether anything has moved, and reads only what has. Cheap; every few minutes.",
    )
    deep_every = PeriodField(
        label="Deep look every",
        example="1 day",
        help_text="Reads everything anew, and so catches what hides its traces. Takes longer; every day or so.",
    )
    note = forms.CharField(
        label="Note", max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["name"]

    def values(self) -> dict[str, Any]:
        """What was typed, without the version."""
        return {name: value for name, value in self.cleaned_data.items() if name != "version"}
