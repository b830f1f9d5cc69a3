from typing import ClassVar

from django import forms

from web.forms.base import ConsoleForm, SelectorField


class ScanForm(ConsoleForm):
    pointers: ClassVar[dict[str, str]] = {"hosts": "selector"}

    selector = SelectorField(
        label="Which hosts",
        help_text="role=web env=prod, web-[1-37], -name=web-9; * is every host.",
        error_messages={"required": "Say which hosts; * is every host."},
    )
    mode = forms.ChoiceField(
        label="How closely",
        choices=[("deep", "deep: reads every file"), ("quick", "quick: looks only at what moved")],
        initial="deep",
        required=False,
        help_text="Quick costs a host little more than a login. What was changed under forged times, only a deep look finds.",
    )

    def clean_mode(self) -> str:
        return str(self.cleaned_data["mode"] or "deep")
