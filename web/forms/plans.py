"""Planning a change, correcting one, writing a template, and the few words that the verbs take."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms

from changemgmt.core import words
from changemgmt.core.texts import TEXT_LENGTH, TITLE_LENGTH
from changemgmt.models import Change, ChangeTemplate
from web.forms.base import ConsoleForm, SelectorField
from web.forms.changes import as_resource

_TIME = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]


def _text(
    label: str, *, rows: int = 3, help_text: str = "", required: bool = False, missing: str = ""
) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=TEXT_LENGTH,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": rows}),
        error_messages={"required": missing or "This can’t be empty."},
    )


def _time(label: str, help_text: str = "") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=_TIME,
        error_messages={"invalid": "A time, such as 2026-03-01 03:12."},
    )


def _title(placeholder: str) -> forms.CharField:
    return forms.CharField(
        label="What",
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(attrs={"placeholder": placeholder}),
        error_messages={"required": "A few words that still make sense next week."},
    )


def _paths() -> forms.CharField:
    return forms.CharField(
        label="Files, and what else",
        required=False,
        max_length=TEXT_LENGTH,
        help_text="One a line: a path such as /etc/nginx/nginx.conf, or a resource such as package:nginx.",
        widget=forms.Textarea(
            attrs={"rows": 2, "class": "mono", "spellcheck": "false", "autocapitalize": "off"}
        ),
    )


RISK_CHOICES = [("", "as it follows from the rest"), *((risk, f"at least {risk}") for risk in words.RISKS)]


class PlanForm(ConsoleForm):
    """A normal change, or one from a template. `external_id` makes pressing the button twice harmless."""

    pointers: ClassVar[dict[str, str]] = {"selector": "where", "hosts": "where", "resources": "paths"}

    use_required_attribute = False
    template = forms.ChoiceField(
        label="From a template",
        required=False,
        help_text="With one, leave title, plan and way back empty: they are taken over from it.",
    )
    title = _title("upgrade nginx to 1.28")
    where = SelectorField(
        label="Where", required=False, help_text="Hosts by name or selector: web-[1-37], role=web env=prod."
    )
    paths = _paths()
    plan = _text(
        "Plan",
        rows=5,
        help_text="What will be done, step by step. Whoever approves it reads this.",
        missing="Say what will be done, step by step.",
    )
    backout = _text(
        "Way back",
        help_text="How it is taken back when it goes wrong.",
        missing="Say how it is taken back when it goes wrong.",
    )
    planned_start = _time("From", "UTC. It is not started before. Empty: whenever it is approved.")
    planned_end = _time("To", "UTC. It is not started after.")
    description = _text("Why, and what else there is to know")
    risk = forms.ChoiceField(label="Risk", required=False, choices=RISK_CHOICES)
    external_id = forms.CharField(max_length=80, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, templates: list[Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.templates = {str(one.pk): one for one in templates or []}
        self.fields["template"].choices = [  # type: ignore[attr-defined]
            ("", "none: a normal change, which somebody approves first"),
            *((pk, f"{one.name}: {one.title}") for pk, one in self.templates.items()),
        ]
        if not self.templates:
            del self.fields["template"]
        # With a template its words are in there. What is required is not said to the browser, which would hold up
        # somebody who chooses one.
        for name in ("title", "plan", "backout"):
            self.fields[name].required = not self.data.get("template")

    def first(self) -> list[forms.BoundField]:
        names = ["title", "where", "plan", "backout"]
        return [self[name] for name in (["template"] if self.templates else []) + names]

    def times(self) -> list[forms.BoundField]:
        return [self["planned_start"], self["planned_end"]]

    def details(self) -> list[forms.BoundField]:
        return [self[name] for name in ("paths", "description", "risk")]

    def service_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        template = self.templates.get(data.get("template") or "")
        return {
            "kind": words.STANDARD if template else words.NORMAL,
            "template": template,
            "title": data["title"],
            "selector": data["where"],
            "resources": resources_of(data["paths"]),
            "plan": _lines(data["plan"]),
            "backout": _lines(data["backout"]),
            "planned_start": data["planned_start"],
            "planned_end": data["planned_end"],
            "description": _lines(data["description"]),
            "risk": data["risk"],
            "external_id": data["external_id"],
        }


def _lines(text: Any) -> Any:
    """With the line ends that everything else has: a browser sends its own, and would seem to have edited."""
    return text.replace("\r\n", "\n").strip() if isinstance(text, str) else text


def resources_of(text: str) -> list[str]:
    return [as_resource(line.strip()) for line in text.splitlines() if line.strip()]


class EditChangeForm(ConsoleForm):
    """What a change says. `version` is what was read: an edit of something older is refused. Empty hosts stay as they
    are: whoever clears the field by mistake loses nothing."""

    pointers: ClassVar[dict[str, str]] = {"selector": "where", "hosts": "where", "resources": "paths"}

    version = forms.IntegerField(widget=forms.HiddenInput)
    title = _title("")
    where = SelectorField(
        label="Other hosts instead", required=False, help_text="Empty: they stay as they are."
    )
    paths = _paths()
    happened_at = _time("Happened", "UTC.")
    plan = _text("Plan", rows=5)
    backout = _text("Way back")
    planned_start = _time("From", "UTC.")
    planned_end = _time("To", "UTC.")
    description = _text("Why, and what else there is to know")
    risk = forms.ChoiceField(label="Risk", required=False, choices=RISK_CHOICES)

    def __init__(self, *args: Any, change: Change, **kwargs: Any) -> None:
        initial = {
            "version": change.version,
            "title": change.title,
            "paths": "\n".join(change.resources),
            "happened_at": _minute(change.happened_at),
            "plan": change.plan,
            "backout": change.backout,
            "planned_start": _minute(change.planned_start),
            "planned_end": _minute(change.planned_end),
            "description": change.description,
            "risk": change.risk_said,
        }
        super().__init__(*args, initial=initial, **kwargs)
        self.change = change
        left_out = ["planned_start", "planned_end"] if change.is_record else ["happened_at"]
        if change.template_id is not None:
            left_out += ["plan", "backout"]
        for name in left_out:
            del self.fields[name]

    def shown(self) -> list[forms.BoundField]:
        return [field for field in self if not field.is_hidden]

    def service_arguments(self) -> dict[str, Any]:
        """Only what was edited: what a browser shows to the minute is not changed by being shown."""
        said = {name: _lines(self.cleaned_data[name]) for name in self.fields if name != "version"}
        given = {name: value for name, value in said.items() if value != _lines(self.initial.get(name))}
        if where := given.pop("where", ""):
            given["selector"] = where
        if "paths" in given:
            given["resources"] = resources_of(given.pop("paths"))
        if given.get("happened_at", "") is None:
            del given["happened_at"]
        return given


def _minute(at: datetime | None) -> datetime | None:
    return at.replace(second=0, microsecond=0) if at else None


class TemplateForm(ConsoleForm):
    pointers: ClassVar[dict[str, str]] = {"resources": "paths"}

    name = forms.CharField(
        label="Name",
        max_length=63,
        help_text="One word, as scripts say it: rotate-logs.",
        widget=forms.TextInput(attrs={"class": "mono", "autocapitalize": "off", "spellcheck": "false"}),
    )
    title = _title("rotate the logs")
    selector = SelectorField(label="Hosts that it may be carried out on")
    paths = _paths()
    plan = _text(
        "Plan",
        rows=5,
        help_text="Whoever approves it reads this; nobody else has to, each time.",
        required=True,
    )
    backout = _text("Way back", required=True)

    def service_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        given = {name: _lines(data[name]) for name in self.fields if name != "paths"}
        return given | {"resources": resources_of(data["paths"])}


class ReviseTemplateForm(TemplateForm):
    """A new version of a template; its name stays."""

    def __init__(self, *args: Any, template: ChangeTemplate, **kwargs: Any) -> None:
        initial = {name: getattr(template, name) for name in ("title", "selector", "plan", "backout")}
        initial["paths"] = "\n".join(template.resources)
        super().__init__(*args, initial=initial, **kwargs)
        del self.fields["name"]


class PolicyForm(ConsoleForm):
    name = forms.CharField(label="Name", max_length=63, widget=forms.TextInput(attrs={"class": "mono"}))
    count = forms.IntegerField(label="How many people", initial=2, min_value=1, max_value=10)
    role = forms.ChoiceField(label="With the role", required=False)
    team = forms.ChoiceField(label="In the team", required=False)
    environments = forms.CharField(
        label="In environments",
        required=False,
        max_length=1000,
        help_text="Such as prod, staging. Empty: any.",
    )
    kinds = forms.MultipleChoiceField(
        label="Kinds", required=False, choices=[(kind, kind) for kind in words.KINDS], help_text="None: any.",
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    risks = forms.MultipleChoiceField(
        label="Risks", required=False, choices=[(risk, risk) for risk in words.RISKS], help_text="None: any.",
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip

    def __init__(self, *args: Any, roles: tuple[str, ...], teams: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.teams = {str(team.pk): team for team in teams}
        self.fields["role"].choices = [("", "any that may approve"), *((role, role) for role in roles)]  # type: ignore[attr-defined]
        self.fields["team"].choices = [("", "any"), *((pk, team.name) for pk, team in self.teams.items())]  # type: ignore[attr-defined]

    def service_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            "name": data["name"],
            "count": data["count"],
            "role": data["role"],
            "team": self.teams.get(data["team"]),
            "environments": data["environments"].replace(",", " ").split(),
            "kinds": data["kinds"],
            "risks": data["risks"],
        }
