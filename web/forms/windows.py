"""Making and changing windows: times on the wall clock of a zone, and the usual rules by name."""

import re
from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms

from changemgmt.core import words
from changemgmt.core.recurrence import RULE_LENGTH, exists, known_zones, moment, parse_rule
from changemgmt.core.texts import LABEL_LENGTH, TEXT_LENGTH, TITLE_LENGTH
from changemgmt.core.windows import Times
from changemgmt.models import Window
from web.forms.base import ConsoleForm, SelectorField
from web.queries.windows import USUAL

BY_RULE = "rule"
KIND_LABELS = {
    words.FREEZE: "Freeze: nothing is pushed to these hosts",
    words.MAINTENANCE: "Maintenance: everybody knows; nothing is held up",
}
_MOMENT = "%Y-%m-%dT%H:%M"
_DAY = re.compile(r"[\s,;]+")


class WallClockField(forms.CharField):
    """A time as clocks show it, without a zone: a naive datetime."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(attrs={"type": "datetime-local"})
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            when = datetime.fromisoformat(str(text)[:40])
            if when.tzinfo is not None or not 1990 <= when.year <= 2200:
                raise ValueError
        except ValueError:
            raise forms.ValidationError("A day and a time, such as 2026-12-24 18:00.") from None
        return when

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat(timespec="seconds" if value.second else "minutes")
        return value


class DaysField(forms.CharField):
    """Days, one after another; a list of dates inside."""

    def to_python(self, value: Any) -> Any:
        try:
            return sorted(
                {date.fromisoformat(day) for day in _DAY.split(super().to_python(value) or "") if day}
            )
        except ValueError:
            raise forms.ValidationError("Days such as 2026-12-24, 2026-12-31.") from None

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(day) for day in value) if isinstance(value, list) else value


class WindowForm(ConsoleForm):
    """`version` is what was read: a form that lay open while somebody else changed the window is refused."""

    pointers: ClassVar[dict[str, str]] = {"hosts": "selector"}

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        label="What it is", choices=list(KIND_LABELS.items()), widget=forms.RadioSelect, initial=words.FREEZE
    )
    title = forms.CharField(
        label="What for",
        max_length=TITLE_LENGTH,
        widget=forms.TextInput(attrs={"placeholder": "Christmas peak"}),
        error_messages={"required": "A few words that whoever is held up will understand."},
    )
    selector = SelectorField(
        label="Which hosts",
        help_text="role=web env=prod, web-[1-37], -name=web-9; * is every host. Asked anew each time, so new hosts are in.",
        error_messages={"required": "Say which hosts; * is every host."},
    )
    starts_at = WallClockField(label="Begins", error_messages={"required": "Say when it begins."})
    ends_at = WallClockField(label="Ends", error_messages={"required": "Say when it ends."})
    timezone = forms.CharField(
        label="Time zone",
        max_length=64,
        initial="UTC",
        help_text="Begin and end are on this zone’s clocks, in summer and winter: UTC, Europe/Berlin, America/New_York.",
        widget=forms.TextInput(
            attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false", "class": "mono"}
        ),
        error_messages={"required": "Say a time zone; UTC if in doubt."},
    )
    repeats = forms.ChoiceField(
        label="Repeats",
        required=False,
        choices=[
            ("", "never"),
            *((rule, told) for rule, told in USUAL.items()),
            (BY_RULE, "by a rule of its own"),
        ],
    )
    last_day = forms.DateField(
        label="Last day",
        required=False,
        help_text="Empty: until it is called off.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "A day, such as 2026-12-31."},
    )
    rule = forms.CharField(
        label="Rule of its own",
        required=False,
        max_length=RULE_LENGTH,
        help_text="RFC 5545, such as FREQ=MONTHLY;BYDAY=-1FR for the last Friday of each month.",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                "class": "mono",
                "placeholder": "FREQ=MONTHLY;BYDAY=-1FR",
            }
        ),
    )
    excluded = DaysField(
        label="Except on",
        required=False,
        max_length=10_000,
        help_text="Days on which none begins: 2026-12-24, 2026-12-31.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "mono"}),
    )
    description = forms.CharField(
        label="More about it",
        required=False,
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, window: Window | None = None, **kwargs: Any) -> None:
        self.window = window
        if window is not None:
            kwargs["initial"] = _initial(window)
        super().__init__(*args, **kwargs)
        if window is not None:
            del self.fields["kind"]

    def clean_timezone(self) -> str:
        name = str(self.cleaned_data["timezone"]).strip()
        if name not in known_zones():
            raise forms.ValidationError("There is no such time zone. UTC, Europe/Berlin, America/New_York …")
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        repeats, rule = data.get("repeats"), (data.get("rule") or "").strip()
        if repeats == BY_RULE and not rule and "rule" not in self.errors:
            self.add_error("rule", "Write the rule, or choose how it repeats above.")
        if rule and repeats != BY_RULE:
            self.add_error("repeats", "Choose “by a rule of its own”, or empty the rule below.")
        if data.get("last_day") and re.search(r"(?i)\b(UNTIL|COUNT)=", rule):
            self.add_error("last_day", "The rule says already when it ends.")
        if data.get("last_day") and not repeats:
            self.add_error("last_day", "It doesn’t repeat: leave this empty.")
        for name in ("starts_at", "ends_at"):
            self._check_exists(name, data)
        return data

    def _check_exists(self, name: str, data: dict[str, Any]) -> None:
        when, zone = data.get(name), data.get("timezone")
        if when and zone and not exists(when, ZoneInfo(zone)):
            self.add_error(
                name, f"Clocks in {zone} never show {when:%H:%M} on that day: they go forward over it."
            )

    def _field_of(self, pointer: str) -> str | None:
        field = super()._field_of(pointer)
        return "repeats" if field == "rule" and self.cleaned_data.get("repeats") != BY_RULE else field

    def times(self) -> Times | None:
        """What was typed as times of a window, or None while it can't be."""
        data = self.cleaned_data
        if not (data.get("starts_at") and data.get("ends_at") and data.get("timezone")):
            return None
        return Times(
            self._moment("starts_at"), self._moment("ends_at"), data["timezone"], self._rule(),
            tuple(data.get("excluded") or ()),
        )  # fmt: skip

    def values(self) -> dict[str, Any]:
        """What was typed, as the services take it."""
        times = self.times()
        assert times is not None  # the form is valid
        names = ("kind", "title", "selector", "description")
        return {name: self.cleaned_data[name] for name in names if name in self.cleaned_data} | {
            "starts_at": times.starts_at, "ends_at": times.ends_at, "timezone": times.timezone, "rule": times.rule,
            "excluded": list(times.excluded),
        }  # fmt: skip

    def _moment(self, name: str) -> datetime:
        """The moment that is meant; one that wasn't touched stays what it was, also where a day has it twice."""
        wall_clock, zone = self.cleaned_data[name], self.cleaned_data["timezone"]
        if self.window is not None and zone == self.window.timezone and wall_clock == self.initial[name]:
            kept: datetime = getattr(self.window, name)
            return kept
        return moment(wall_clock, ZoneInfo(zone))

    def _rule(self) -> str:
        repeats, last_day = self.cleaned_data.get("repeats") or "", self.cleaned_data.get("last_day")
        rule = self.cleaned_data.get("rule", "").strip() if repeats == BY_RULE else repeats
        return f"{rule};UNTIL={last_day:%Y%m%d}" if rule and last_day else rule


def _initial(window: Window) -> dict[str, Any]:
    zone = ZoneInfo(window.timezone)
    initial: dict[str, Any] = {
        name: getattr(window, name)
        for name in ("kind", "title", "selector", "timezone", "description", "version", "rule")
    }
    for name in ("starts_at", "ends_at"):
        initial[name] = getattr(window, name).astimezone(zone).replace(tzinfo=None, fold=0)
    initial["excluded"] = list(window.excluded)
    if window.rule:
        until = parse_rule(window.rule, zone).until
        bare = ";".join(part for part in window.rule.split(";") if not part.startswith("UNTIL="))
        ends_with_day = until is not None and f"{until.astimezone(zone):%H%M%S}" == "235959"
        if until is None or ends_with_day:
            initial["last_day"] = until.astimezone(zone).date() if until else None
            initial["rule"] = bare
        initial["repeats"] = initial["rule"] if initial["rule"] in USUAL else BY_RULE
        if initial["repeats"] != BY_RULE:
            initial["rule"] = ""
    return initial


class CancelForm(ConsoleForm):
    """Why a window is called off."""

    reason = forms.CharField(label="Why", required=False, max_length=TEXT_LENGTH)


class FeedForm(ConsoleForm):
    """A new feed for a calendar program."""

    label = forms.CharField(
        label="For which program",
        required=False,
        max_length=LABEL_LENGTH,
        widget=forms.TextInput(attrs={"placeholder": "my phone", "autocomplete": "off"}),
        help_text="So that you know later which one to revoke.",
    )
