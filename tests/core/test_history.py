"""A CSV of another system's changes, read."""

from datetime import UTC, datetime

import pytest

from changemgmt.core.history import MAX_BYTES, MAX_PROBLEMS, MAX_ROWS, read_history

HEAD = "external_id,title,happened_at"


def problems(text: str | bytes, **more: object) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    return [str(one) for one in read_history(content, **more).problems]  # type: ignore[arg-type]


def test_rows_are_read_with_their_lines() -> None:
    text = f'\ufeff{HEAD},hosts,Resources,Owner,assignee group\n1,"a, b\nc",2026-03-01 03:12,"web-1, web-2;db",file:/a b; package:x,J. Doe,net\n\n2,d,2026-03-01T03:12:00+01:00,,,,\n'
    history = read_history(text.encode())
    assert not history.problems
    assert [row.line for row in history.rows] == [2, 5]
    first, second = history.rows
    assert first.cells["title"] == "a, b\nc"
    assert first.happened_at == datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
    assert (first.names("hosts"), first.names("resources")) == (
        ["web-1", "web-2", "db"],
        ["file:/a b", "package:x"],
    )
    assert first.cells["owner"] == "J. Doe"
    assert second.happened_at == datetime(2026, 3, 1, 2, 12, tzinfo=UTC)
    assert "owner" not in second.cells
    assert history.ignored == ["assignee group"]


def test_columns_mean_what_one_says() -> None:
    text = "number;short description;title;closed\nCHG1;Raised limits;x;2026-07-01 12:00"
    columns = {"number": "external_id", "short description": "title", "closed": "happened_at"}
    history = read_history(text.encode(), columns=columns, timezone="Europe/Berlin")
    assert not history.problems
    (row,) = history.rows
    assert (row.cells["external_id"], row.cells["title"]) == ("CHG1", "Raised limits")
    assert row.happened_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert history.ignored == ["title"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column external_id and no column title"),
        ("external_id,title,happened_at,title\n", "two columns mean title"),
        (f"{HEAD}\n1,a", "line 2: 2 values in 3 columns"),
        (f"{HEAD}\n1,,2026-03-01", "line 2: no title"),
        (f"{HEAD}\n1,a,01.03.2026", "line 2: happened_at is no time"),
        (f"{HEAD}\n1,a,0001-01-01T00:00:00+23:00", "line 2: happened_at is no time"),
        (
            f"{HEAD}\n1,a,2026-03-01\n\n1,b,2026-03-01",
            "line 4: the external_id '1' is there already, in line 2",
        ),
        (f'{HEAD}\n1,"a"b,2026-03-01', "this is not CSV"),
        (f"{HEAD}\n1,a\0,2026-03-01", "line 2: this holds a NUL"),
        (f"{HEAD}\n1,\xff,2026-03-01".encode("latin-1"), "line 2: this is not UTF-8"),
        (b"x" * (MAX_BYTES + 1), "more than 9 MB"),
    ],
)
def test_what_can_not_be_used_is_told_with_its_line(text: str | bytes, said: str) -> None:
    (problem,) = problems(text)
    assert said in problem


def test_columns_that_mean_nothing_are_told() -> None:
    assert "no such column here" in problems(f"{HEAD}\n", columns={"title": "headline"})[0]
    assert "the file has no column number" in problems(f"{HEAD}\n", columns={"number": "external_id"})[0]
    assert "is no time zone" in problems(f"{HEAD}\n", timezone="Berlin")[0]


def test_every_problem_is_told_up_to_a_number() -> None:
    assert len(problems(HEAD + "\n1,a" * 3)) == 3
    assert len(problems(HEAD + "\n1,a" * (MAX_PROBLEMS + 50))) == MAX_PROBLEMS


def test_more_rows_than_fit_are_refused() -> None:
    rows = "".join(f"\n{number},a,2026-03-01" for number in range(MAX_ROWS + 5))
    assert "more than 20,000 changes" in problems(HEAD + rows)[0]
