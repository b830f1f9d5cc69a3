"""Forms that take a service's refusal as their own error, so that nothing typed is lost."""

from typing import Any, ClassVar, cast

from django import forms
from django.http import QueryDict

from common.core.errors import FoldbackError
from web.core.refusals import capitalised, plain


class ConsoleForm(forms.Form):
    """`pointers` says which field a service's JSON Pointer means; what it does not name is said above the form."""

    pointers: ClassVar[dict[str, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def take_refusal(self, error: FoldbackError) -> None:
        told = False
        for one in error.errors:
            field = self._field_of(one.pointer)
            if field is not None:
                self.add_error(field, capitalised(one.detail))
                told = True
        if not told:
            self.add_error(None, plain(error.detail))

    def take_overtaken(self, version: int) -> None:
        """Somebody else was quicker. What was typed stays; sent again, it is about what has this version."""
        self.add_error(
            None,
            "Somebody else changed it since you read it; what you typed is still here. Look at it in another window, then "
            "save again.",
        )
        typed = cast(QueryDict, self.data).copy()
        typed["version"] = str(version)
        self.data = typed

    def _field_of(self, pointer: str) -> str | None:
        name = pointer.lstrip("/").partition("/")[0]
        name = self.pointers.get(name, name)
        field = self.fields.get(name)
        return name if field is not None and not field.widget.is_hidden else None


class SelectorField(forms.CharField):
    """Hosts in the one small language; whether it can be read is said by `inventory`."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {
            "autocomplete": "off",
            "autocapitalize": "off",
            "spellcheck": "false",
            "class": "mono",
            "placeholder": "role=web env=prod",
        }
        kwargs.setdefault("max_length", 20_000)
        super().__init__(widget=forms.TextInput(attrs=attrs), **kwargs)
