"""The calendar file: what other programs read is what was meant, whatever a title holds."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from changemgmt.core.ics import Event, calendar, escape, fold

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def event(**more: object) -> Event:
    values = {"uid": "1@foldback", "starts_at": NOW, "ends_at": NOW + timedelta(hours=2), "summary": "Freeze"}
    return Event(**(values | more))  # type: ignore[arg-type]


def lines(text: str) -> list[str]:
    """As a calendar program reads them: folded ones put together again."""
    assert text.endswith("\r\n") and "\n" not in text.replace("\r\n", "")
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def unescape(text: str) -> str:
    out, escaped = "", False
    for character in text:
        if escaped:
            out += "\n" if character == "n" else character
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            out += character
    return out


def test_a_calendar_has_each_event_with_its_times_in_utc() -> None:
    read = lines(
        calendar(name="Foldback", events=[event(url="https://foldback.example/w/1", version=3)], now=NOW)
    )
    assert read[0] == "BEGIN:VCALENDAR" and read[-1] == "END:VCALENDAR" and "VERSION:2.0" in read
    for line in (
        "UID:1@foldback", "DTSTART:20260115T120000Z", "DTEND:20260115T140000Z", "DTSTAMP:20260115T120000Z",
        "SEQUENCE:2", "SUMMARY:Freeze", "STATUS:CONFIRMED", "URL:https://foldback.example/w/1",
    ):  # fmt: skip
        assert line in read
    assert "STATUS:TENTATIVE" in lines(calendar(name="", events=[event(tentative=True)], now=NOW))


@given(st.text())
def test_any_text_is_one_value_and_reads_back(text: str) -> None:
    """All but control characters, which a calendar can't hold."""
    read = lines(calendar(name="x", events=[event(summary=text)], now=NOW))
    [summary] = [line for line in read if line.startswith("SUMMARY:")]
    kept = "".join(
        character for character in text.replace("\r\n", "\n").replace("\r", "\n")
        if character in "\n\t" or not (character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff")
    )  # fmt: skip
    assert unescape(summary.removeprefix("SUMMARY:")) == kept
    assert sum(line == "BEGIN:VEVENT" for line in read) == 1


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_no_line_is_longer_than_75_bytes_and_no_character_is_cut(text: str) -> None:
    folded = fold(text)
    assert all(len(line.encode()) <= 75 for line in folded.split("\r\n"))
    assert folded.replace("\r\n ", "") == text


def test_what_separates_is_escaped() -> None:
    assert escape("a;b,c\\d\ne\x07") == "a\\;b\\,c\\\\d\\ne"
