"""What pages say: times, counts, sentences, visible characters, attribute tables."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from deployments.core.states import ABSENT, UNDECLARED, Present, Unknown
from web.core import sentences, times, visible, words
from web.core.attributes import attribute_rows

NOW = datetime(2026, 3, 29, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=4), "just now"),
        (timedelta(seconds=-4), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(minutes=99), "99 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(hours=36), "36 h ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=-5), "in 5 days"),
        (timedelta(days=200), "6 months ago"),
        (timedelta(days=900), "2 years ago"),
    ],
)
def test_a_time_is_said_in_one_unit(ago: timedelta, said: str) -> None:
    assert times.relative(NOW - ago, NOW) == said


def test_absolute_times_name_utc_whatever_zone_they_came_in() -> None:
    then = datetime(2026, 3, 29, 5, 0, 7, tzinfo=timezone(timedelta(hours=2)))
    assert times.absolute(then) == "2026-03-29 03:00:07 UTC"
    assert times.machine(then) == "2026-03-29T03:00:07Z"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.42, "0.4 s"),
        (42, "42 s"),
        (252, "4 min 12 s"),
        (3_600, "1 h"),
        (11_130, "3 h 5 min"),
        (187_300, "2 days 4 h"),
        (86_410, "1 day"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, said: str) -> None:
    assert times.duration(seconds) == said


def test_counts_have_their_denominator() -> None:
    assert sentences.share(37, 412, "host") == "37 of 412 hosts"
    assert sentences.share(1, 1, "host") == "1 of 1 host"
    assert sentences.plural(1204, "finding") == "1,204 findings"
    assert [sentences.plural(2, noun) for noun in ("policy", "day")] == ["2 policies", "2 days"]


def test_a_percentage_is_full_only_when_it_is() -> None:
    assert sentences.percent(9_999, 10_000) == ">99 %"
    assert sentences.percent(1, 10_000) == "<1 %"
    assert sentences.percent(0, 0) == "—"
    assert sentences.percent(412, 412) == "100 %"


def test_a_page_of_drift_says_what_was_not_looked_at() -> None:
    said = sentences.drift_sentence(findings=12, hosts=37, hosts_total=412, unknown=9)
    assert said == "12 findings on 37 of 412 hosts; 9 hosts could not be looked at."


def test_no_findings_is_not_called_clean_for_hosts_that_were_not_seen() -> None:
    said = sentences.drift_sentence(findings=0, hosts=0, hosts_total=412, unknown=9)
    assert said == "No drift on the 403 of 412 hosts that could be looked at; 9 hosts could not be looked at."
    said = sentences.drift_sentence(findings=0, hosts=0, hosts_total=3, unknown=3)
    assert said == "Nothing is known yet; none of 3 hosts was looked at lately."


def test_long_lists_say_how_many_they_leave_out() -> None:
    assert sentences.shortened(["web-1", "web-2"]) == "web-1 and web-2"
    assert sentences.shortened([f"web-{n}" for n in range(1, 8)]) == "web-1, web-2, web-3 and 4 more"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "⟨ESC⟩[31mred"),
        ("a\x00b", "a⟨NUL⟩b"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\u00a0b", "a⟨U+00A0⟩b"),
        ("a\u3164b", "a⟨U+3164⟩b"),
        ("caf\u00e9", "caf\u00e9"),
        (b"\xff".decode("utf-8", "surrogateescape"), "⟨byte FF⟩"),
        ("\u0085", "⟨U+0085⟩"),
    ],
)
def test_no_character_from_a_host_is_invisible(text: str, said: str) -> None:
    assert visible.shown(text) == said


def test_an_unheard_of_state_is_shown_quietly_and_an_unheard_of_verdict_as_unknown() -> None:
    assert words.state("half_way").label == "half way"
    assert words.verdict("sideways").tone == "unknown"
    assert words.verdict("in-sync").label == "in sync"


def test_attributes_that_differ_are_flagged_on_the_side_that_moved() -> None:
    base = Present({"type": "file", "mode": "0644", "owner": "root"})
    rows = {row.name: row for row in attribute_rows(base, base, Present({**base.data, "mode": "0600"}))}
    assert rows["mode"].live_differs and not rows["mode"].head_differs
    assert not rows["owner"].differs
    assert list(rows) == ["type", "owner", "mode"]


def test_an_unknown_state_is_never_a_difference() -> None:
    base = Present({"type": "file", "mode": "0644"})
    rows = attribute_rows(base, base, Unknown("permission denied"))
    assert not any(row.differs for row in rows)
    assert rows[0].live == "unknown: permission denied"


def test_absence_is_a_difference() -> None:
    rows = attribute_rows(Present({"type": "file"}), UNDECLARED, ABSENT)
    assert rows[0].live == "absent" and rows[0].live_differs
    assert rows[0].head == "undeclared" and rows[0].head_differs


def test_what_is_not_declared_is_shown_and_does_not_count() -> None:
    base = Present({"mode": "0644"})
    rows = attribute_rows(base, base, Present({"mode": "0644", "owner": "bob"}), declared=["mode"])
    assert [(row.name, row.differs, row.declared) for row in rows] == [
        ("owner", False, False),
        ("mode", False, True),
    ]
