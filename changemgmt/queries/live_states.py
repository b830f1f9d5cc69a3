"""Before and after of a change, as scans saw it: told by a provider that the settings name, since scans are not ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils.module_loading import import_string

from changemgmt.core import words
from changemgmt.core.live_states import LiveStates
from changemgmt.models import Change
from common import clock

MOST_HOSTS = MOST_RESOURCES = 20


@dataclass(frozen=True)
class ChangeStates:
    rows: list[LiveStates]
    hosts: int  # of how many hosts and resources of the change that is
    resources: int


def states_of(change: Change, *, hosts: Sequence[str] = ()) -> ChangeStates:
    """What the named resources were before and after it, on its first hosts, or on `hosts` of it.

    Of what has not been done there is no after: before is what the last look showed.
    """
    wanted = [name for name in change.hosts if not hosts or name in hosts][:MOST_HOSTS]
    resources = change.resources[:MOST_RESOURCES]
    rows: list[LiveStates] = []
    if wanted and resources and settings.LIVE_STATE_PROVIDER:
        waits = change.state in words.NOT_DONE
        began = clock.now() if waits else change.started_at or change.happened_at
        ended = None if waits else change.ended_at or began
        provider = import_string(settings.LIVE_STATE_PROVIDER)
        rows = provider(hosts=wanted, resources=resources, began=began, ended=ended)
    return ChangeStates(rows, len(wanted), len(resources))
