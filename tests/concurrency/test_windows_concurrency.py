"""Two people at the same window at once: one is first, and the other is told."""

import pytest

from changemgmt.models import Window
from changemgmt.services.windows import cancel_window, update_window
from common.core.errors import Conflict, PreconditionFailed
from common.models import LedgerEntry
from tests.factories import acting, in_threads
from tests.services.test_windows import freeze

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_window_is_called_off_by_one_of_two() -> None:
    made, ben, cy = freeze(), acting("ben"), acting("cy")
    ends = in_threads(
        lambda: cancel_window(actor=ben, window=made), lambda: cancel_window(actor=cy, window=made)
    )
    [told] = [end for end in ends if isinstance(end, Exception)]
    assert isinstance(told, Conflict) and "window.cancelled by" in told.detail
    assert LedgerEntry.objects.filter(subject_id=made.pk, action="window.cancelled").count() == 1


def test_of_two_edits_of_what_both_read_one_is_made() -> None:
    made, ben, cy = freeze(), acting("ben"), acting("cy")
    ends = in_threads(
        lambda: update_window(actor=ben, window=made, fields={"title": "Ben's"}, expected_version=1),
        lambda: update_window(actor=cy, window=made, fields={"title": "Cy's"}, expected_version=1),
    )
    [won] = [end for end in ends if isinstance(end, Window)]
    assert sorted(isinstance(end, PreconditionFailed) for end in ends) == [False, True]
    kept = Window.objects.get()
    assert (kept.title, kept.version) == (won.title, 2)
