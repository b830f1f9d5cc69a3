"""What a change may say of itself: scope, texts, links, times, and who answers for it."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemgmt.core import words
from changemgmt.core.lifecycles import CHANGE
from changemgmt.core.links import clean_links
from changemgmt.core.ownership import check_claim, choose_owner, why_not_approve
from changemgmt.core.scope import RESOURCE_LENGTH, clean_hosts, clean_resources
from changemgmt.core.texts import check_digest, clean_text, clean_title
from changemgmt.core.times import check_happened_at
from common.core.errors import Conflict, Invalid

NOW = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
ANA, BEN, CY, EVE = (UUID(int=number) for number in range(1, 5))


def test_hosts_keep_their_order_and_lose_their_repeats() -> None:
    assert clean_hosts(["web-2", " web-1 ", "web-2"]) == ["web-2", "web-1"]


@pytest.mark.parametrize("host", ["", " ", "web 1", "web\n1", "web\x001", "w" * 256])
def test_a_host_that_is_no_name_is_refused_with_a_pointer(host: str) -> None:
    with pytest.raises(Invalid) as refused:
        clean_hosts(["web-1", host])
    assert refused.value.errors[0].pointer == "/hosts/1"


@pytest.mark.parametrize("resource", ["file:/etc/motd", "sysctl:net.core.somaxconn", "file:/srv/a file"])
def test_a_resource_is_a_kind_and_a_name(resource: str) -> None:
    assert clean_resources([resource]) == [resource]


@pytest.mark.parametrize(
    "resource", ["", "/etc/motd", "file:", "file: ", "File:/x", "file:/etc/\nmotd", ":x"]
)
def test_a_resource_without_kind_or_name_is_refused(resource: str) -> None:
    with pytest.raises(Invalid, match="/resources/0"):
        clean_resources([resource])


def test_a_resource_that_the_index_could_not_hold_is_refused() -> None:
    clean_resources(["file:/" + "x" * (RESOURCE_LENGTH - 6)])
    with pytest.raises(Invalid, match="2600 bytes"):
        clean_resources(["file:/" + "é" * (RESOURCE_LENGTH // 2)])


def test_more_hosts_than_one_change_can_name_are_refused() -> None:
    with pytest.raises(Invalid, match="20001"):
        clean_hosts(f"web-{n}" for n in range(20_001))


@given(st.lists(st.text()))
def test_cleaning_hosts_twice_changes_nothing(hosts: list[str]) -> None:
    try:
        once = clean_hosts(hosts)
    except Invalid:
        return
    assert clean_hosts(once) == once


def test_a_title_becomes_one_line() -> None:
    assert clean_title("title", "  raised\r\nlimits\tagain ") == "raised limits again"


@pytest.mark.parametrize("title", ["", " \n ", "x" * 201, "a\x00b", "half \ud83d"])
def test_a_title_that_says_nothing_or_too_much_is_refused(title: str) -> None:
    with pytest.raises(Invalid) as refused:
        clean_title("title", title)
    assert refused.value.errors[0].pointer == "/title"


def test_a_description_keeps_its_lines() -> None:
    assert clean_text("description", " one\ntwo\n") == "one\ntwo"


@pytest.mark.parametrize("digest", ["", "a" * 63, "A" * 64, "a" * 64 + "\n", "g" * 64])
def test_a_digest_is_64_hex_digits(digest: str) -> None:
    with pytest.raises(Invalid):
        check_digest(digest)


def test_links_are_kept_as_given() -> None:
    links = {"ticket": "https://tickets.example/OPS-7", "findings": ["DRF-88", "DRF-89"]}
    assert clean_links(links) == links
    assert clean_links(None) == {}


@pytest.mark.parametrize(
    "links",
    [
        [],
        "x",
        {"Ticket": "OPS-7"},
        {"ticket": 7},
        {"ticket": ""},
        {"ticket": ["OPS-7", None]},
        {"ticket": "x" * 501},
        {"ticket": "a\x00b"},
        {"ticket": "javascript:alert(1)"},
        {"ticket": " JavaScript:alert(1)"},
        {"ticket": "data:text/html,x"},
        {"ticket": "ftp://files.example/x"},
        {f"k{n}": "x" for n in range(33)},
    ],
)
def test_links_that_nobody_should_click_are_refused(links: object) -> None:
    with pytest.raises(Invalid):
        clean_links(links)


def test_a_record_may_say_when_it_happened() -> None:
    told = NOW - timedelta(hours=6)
    assert check_happened_at(told, NOW) == told
    assert check_happened_at(None, NOW) is None


def test_any_offset_is_taken_and_kept_as_utc() -> None:
    told = datetime(2026, 3, 1, 2, 0, tzinfo=timezone(timedelta(hours=23, minutes=59)))
    kept = check_happened_at(told, NOW)
    assert kept == told
    assert kept is not None
    assert kept.utcoffset() == timedelta(0)


def test_a_clock_that_runs_ahead_a_little_is_forgiven() -> None:
    assert check_happened_at(NOW + timedelta(minutes=9), NOW)


@pytest.mark.parametrize(
    "told",
    [
        NOW + timedelta(minutes=11),
        datetime(1989, 12, 31, tzinfo=UTC),
        datetime(2026, 3, 1, 3, 0),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_what_can_not_be_when_it_happened_is_refused(told: datetime) -> None:
    with pytest.raises(Invalid, match="happened_at"):
        check_happened_at(told, NOW)


def test_owners_are_looked_for_in_the_products_order() -> None:
    order = ["named", "recorder", "claimant", "commander", "team lead", "sponsor"]
    people = {source: UUID(int=number) for number, source in enumerate(order, 1)}
    while people:
        first = next(source for source in order if source in people)
        assert choose_owner(people) == (people[first], first)
        del people[first]
    assert choose_owner({}) is None
    assert choose_owner({"team lead": None, "sponsor": ANA}) == (ANA, "sponsor")


@pytest.mark.parametrize("source", words.STAND_INS)
def test_what_somebody_only_stands_in_for_can_be_claimed(source: str) -> None:
    check_claim(reference="CHG-1", kind="emergency", state="logged", owner_source=source, owner_label="ben")


@pytest.mark.parametrize("source", ["named", "recorder", "claimant"])
def test_what_is_somebodys_own_can_not_be_claimed(source: str) -> None:
    with pytest.raises(Conflict, match="ben"):
        check_claim(
            reference="CHG-1", kind="emergency", state="logged", owner_source=source, owner_label="ben"
        )


@pytest.mark.parametrize("state", sorted(CHANGE.states - set(words.RECORD_STATES)))
def test_what_is_asked_for_first_or_over_is_not_claimed(state: str) -> None:
    with pytest.raises(Conflict, match="hand it over"):
        check_claim(reference="CHG-1", kind="normal", state=state, owner_source="sponsor", owner_label="ben")


def test_a_decision_is_never_claimed() -> None:
    with pytest.raises(Conflict, match="decision"):
        check_claim(
            reference="CHG-1", kind="decision", state="proposed", owner_source="sponsor", owner_label="ben"
        )


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (ANA, "you proposed CHG-1"),
        (BEN, "CHG-1 is yours"),
        (CY, "you made what CHG-1 decides on"),
        (EVE, None),
    ],
)
def test_whoever_made_proposed_or_owns_it_does_not_approve_it(person: UUID, why: str | None) -> None:
    reason = why_not_approve(person, requested_by=ANA, owner=BEN, made_by=[CY], reference="CHG-1")
    assert (reason is None) if why is None else (reason is not None and why in reason)
