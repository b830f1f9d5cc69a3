"""Where somebody wants to hear of things."""

from collections.abc import Sequence
from typing import Any

from django import forms

from changemgmt.core.notices import TOPICS
from inventory.models import Team
from web.core.refusals import capitalised
from web.forms.base import ConsoleForm

MOST_BUTTONS = 8  # more teams are a list to choose from
KINDS = [("email", "E-mail"), ("slack", "Chat: an incoming webhook of Slack, Mattermost or Rocket.Chat")]


class ChannelForm(ConsoleForm):
    """A new channel (`teams` are those that whoever fills it in may make one for), or with `is_new=False` an old one:
    then an empty address leaves the one that is kept."""

    whose = forms.ChoiceField(label="For", required=False)
    kind = forms.ChoiceField(label="How", choices=KINDS, widget=forms.RadioSelect, initial="email")
    address = forms.CharField(
        label="Address",
        max_length=2_000,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
        help_text="ana@example.org, or the https address that the chat gave you. That one is sealed, and never shown again.",
        error_messages={"required": "Say where to."},
    )
    topics = forms.MultipleChoiceField(
        label="What about",
        choices=[(topic, capitalised(meaning)) for topic, meaning in TOPICS.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="None ticked: all of it.",
    )
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, teams: Sequence[Team] = (), is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["whose"], self.fields["kind"]
            self.fields["address"].required = False
            self.fields["address"].label = "Another address"
            return
        whose: Any = self.fields["whose"]
        whose.choices = [("", "Me"), *((team.name, f"The team {team.name}") for team in teams)]
        if not teams:
            whose.widget = forms.HiddenInput()
        elif len(teams) <= MOST_BUTTONS:
            whose.widget = forms.RadioSelect(choices=whose.choices)
