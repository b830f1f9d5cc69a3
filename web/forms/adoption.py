"""Adopting live hosts: which, where to look, and what of it to write down."""

from typing import Any, ClassVar

from django import forms

from drift.core.adoption import AUTO, NONE
from drift.core.adoption_options import ADOPTABLE
from drift.core.adoption_paths import DEFAULT_ROOTS
from web.forms.base import ConsoleForm, SelectorField

_NAMED = "named"
_ONE_A_LINE = {"rows": 3, "class": "mono", "autocapitalize": "off", "spellcheck": "false"}


class AdoptionOptionsForm(ConsoleForm):
    """What may be chosen again once the hosts have been looked at."""

    pointers: ClassVar[dict[str, str]] = {"hosts": "selector", "exhaustive": "directories"}

    sections = forms.MultipleChoiceField(
        label="What to adopt",
        choices=[(name, name.replace("_", " ")) for name in ADOPTABLE],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Everything else is only watched: it is noticed when it changes.",
    )
    versions = forms.BooleanField(label="Declare packages with their versions", required=False)
    shipped = forms.BooleanField(
        label="Adopt files that are as their package ships them, too", required=False
    )
    others = forms.BooleanField(
        label="Write into layers that hosts not chosen here share, too", required=False
    )
    exhaustive = forms.ChoiceField(
        label="Directories in which every entry has to be declared",
        choices=[
            (AUTO, "conf.d and the like, where everything in them is"),
            (NONE, "none"),
            (_NAMED, "these:"),
        ],
        widget=forms.RadioSelect,
    )
    directories = forms.CharField(
        label="Which directories",
        required=False,
        widget=forms.Textarea(attrs={**_ONE_A_LINE, "rows": 2}),
        help_text="One a line.",
    )

    def options(self) -> dict[str, Any]:
        """As `create_adoption` takes them."""
        data = self.cleaned_data
        named = data["exhaustive"] == _NAMED
        return {
            "sections": data["sections"],
            "versions": data["versions"],
            "shipped": data["shipped"],
            "others": data["others"],
            "exhaustive": data["directories"].split() if named else data["exhaustive"],
        }

    @staticmethod
    def initial_of(options: dict[str, Any]) -> dict[str, Any]:
        """The form as these options would fill it."""
        exhaustive = options.get("exhaustive", AUTO)
        named = not isinstance(exhaustive, str)
        return {
            "sections": options.get("sections") or list(ADOPTABLE),
            "versions": options.get("versions", True),
            "shipped": options.get("shipped", False),
            "others": options.get("others", False),
            "exhaustive": _NAMED if named else exhaustive,
            "directories": "\n".join(exhaustive) if named else "",
        }


class AdoptForm(AdoptionOptionsForm):
    selector = SelectorField(
        label="Which hosts",
        help_text="role=web env=prod, web-[1-37], -name=web-9; * is every host.",
        error_messages={"required": "Say which hosts; * is every host."},
    )
    roots = forms.CharField(
        label="Where to look for files",
        initial="\n".join(DEFAULT_ROOTS),
        widget=forms.Textarea(attrs=_ONE_A_LINE),
        help_text="Directories that people manage, one a line. What nobody declares (machine-id, caches) is left out by itself.",
        error_messages={"required": "Name at least one directory, as in /etc."},
    )


class CommitAdoptionForm(ConsoleForm):
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Why",
        required=False,
        max_length=20_000,
        widget=forms.TextInput(attrs={"placeholder": "Why, for whoever reads the history"}),
    )
    without_unseen = forms.BooleanField(
        label="Go on without the hosts that could not be looked at", required=False
    )


class MergeAdoptionForm(ConsoleForm):
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    comment = forms.CharField(
        required=False, max_length=20_000, widget=forms.TextInput(attrs={"placeholder": "Comment"})
    )
