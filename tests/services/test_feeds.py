"""Feed tokens: shown once, kept as a hash, revoked for good; and what the feed shows."""

from datetime import timedelta

import pytest

from changemgmt.models import FeedToken
from changemgmt.queries.feed import feed
from changemgmt.services.feeds import MOST_LIVE, create_feed_token, find_feed_token, revoke_feed_token
from changemgmt.services.windows import cancel_window
from common import clock
from common.core.actor import SYSTEM
from common.core.errors import Conflict, NotPermitted
from common.models import LedgerEntry
from common.services.people import deactivate_person
from tests.core.test_ics import lines
from tests.factories import acting, person, program
from tests.services.test_windows import freeze, planned, soon

pytestmark = pytest.mark.django_db


def test_a_token_is_found_by_its_text_which_is_not_kept() -> None:
    made, text = create_feed_token(actor=acting("dee"), label="my phone")
    found = find_feed_token(text=text)
    assert found == made and found is not None and found.person == person("dee")
    kept = FeedToken.objects.get()
    assert text.encode() not in bytes(kept.digest) and text.split("_", 2)[2] not in str(vars(kept))
    assert not LedgerEntry.objects.filter(data__icontains=text.split("_", 2)[2]).exists()


def test_its_use_is_noted_once_an_hour() -> None:
    made, text = create_feed_token(actor=acting("ana"))
    find_feed_token(text=text)
    made.refresh_from_db()
    first = made.last_used_at
    find_feed_token(text=text)
    made.refresh_from_db()
    assert first is not None and made.last_used_at == first
    with clock.shifted(timedelta(hours=2)):
        find_feed_token(text=text)
    made.refresh_from_db()
    assert made.last_used_at is not None and made.last_used_at > first


@pytest.mark.parametrize(
    "text", ["", "fbcal", "fbcal__x", "fb_12345678_x", "fbcal_\0_x", "fbcal_é_x", "\ud800"]
)
def test_what_is_no_token_finds_nothing(text: str) -> None:
    assert find_feed_token(text=text) is None


def test_a_changed_text_finds_nothing() -> None:
    _, text = create_feed_token(actor=acting("ana"))
    assert find_feed_token(text=text[:-1] + ("A" if text[-1] != "A" else "B")) is None


def test_a_revoked_token_opens_nothing_and_only_its_person_or_an_admin_revokes_it() -> None:
    made, text = create_feed_token(actor=acting("ana"))
    with pytest.raises(NotPermitted):
        revoke_feed_token(actor=acting("ben"), token=made)
    revoke_feed_token(actor=acting("cy"), token=made)
    assert find_feed_token(text=text) is None
    with pytest.raises(Conflict, match="revoked already"):
        revoke_feed_token(actor=acting("ana"), token=made)


def test_the_feeds_of_somebody_who_left_open_nothing() -> None:
    _, text = create_feed_token(actor=acting("ana"))
    deactivate_person(actor=SYSTEM, person=person("ana"))
    assert find_feed_token(text=text) is None


def test_a_program_has_its_own_token_and_needs_none() -> None:
    with pytest.raises(NotPermitted):
        create_feed_token(actor=program())


def test_there_are_only_so_many_feeds_of_one_person() -> None:
    for _ in range(MOST_LIVE):
        create_feed_token(actor=acting("ana"))
    with pytest.raises(Conflict, match="Revoke one"):
        create_feed_token(actor=acting("ana"))
    revoke_feed_token(actor=acting("ana"), token=FeedToken.objects.first() or pytest.fail())
    create_feed_token(actor=acting("ana"))


def test_the_feed_shows_each_time_of_windows_and_what_is_planned() -> None:
    made = freeze("role=web", rule="FREQ=DAILY;COUNT=3", description="shop, closed")
    gone = freeze(title="called off")
    cancel_window(actor=acting("ben"), window=gone)
    change = planned("web-1", "web-2")
    planned("web-1", state="withdrawn")
    read = lines(feed(clock.now()))
    assert read.count("SUMMARY:Freeze: Peak") == 3 and not any("called off" in line for line in read)
    assert f"DTSTART:{soon(24):%Y%m%dT%H%M%SZ}" in read
    assert "DESCRIPTION:Hosts: role=web\\nshop\\, closed" in read
    assert f"URL:http://localhost:8000/calendar/windows/{made.reference}/" in read
    assert [line for line in read if change.reference in line and line.startswith("SUMMARY")]
    assert read.count("STATUS:TENTATIVE") == 1 and read.count("BEGIN:VEVENT") == 4
