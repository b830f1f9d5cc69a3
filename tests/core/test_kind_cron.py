"""Crontabs and timers, from recorded answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.collector.question import Question
from deployments.collector.wire import Reply
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.kinds.cron import CRON, jobs_of
from deployments.kinds.listing import ListingSurvey
from tests.core.kind_cases import answer, cases, expected, meaning

TIMER = (
    b"Id=backup.timer\nLoadState=loaded\nActiveState=active\nSubState=waiting\nUnitFileState=enabled\n"
    b"TimersCalendar={ OnCalendar=*-*-* 03:00:00 ; next_elapse=%s }\n"
    b"TimersMonotonic={ OnBootUSec=15min ; next_elapse=%s }\n"
)


def timers(text: bytes) -> bytes:
    return b"t/systemctl\0" + text + b"\0000 \0times/\0"


def declared(body: bytes, *keys: str) -> dict[str, State]:
    survey = ListingSurvey(Question.of([f"cron:{key}" for key in keys]), [CRON])
    survey.asks()
    survey.take([Reply(body)])
    return survey.findings().states


@pytest.mark.parametrize("case", cases("cron"))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(CRON.parse(answer("cron", case))) == expected("cron", case, CRON)


@pytest.mark.parametrize(
    ("text", "jobs"),
    [
        ("", []),
        ("# m h dom mon dow command\n\n   # indented\n", []),
        ("*/5\t* * *  *   poll   --fast  ", ["*/5 * * * * poll --fast"]),
        ("@reboot /bin/true\nMAILTO=ops\nNAME = value", ["@reboot /bin/true", "MAILTO=ops", "NAME = value"]),
        (
            "0 1 * * * echo '# no comment' # part of the command",
            ["0 1 * * * echo '# no comment' # part of the command"],
        ),
        ("0 1 * * * a%b\\%c\r\n", ["0 1 * * * a%b\\%c"]),
        ("last line without an end", ["last line without an end"]),
    ],
)
def test_lines_are_kept_as_cron_reads_them(text: str, jobs: list[str]) -> None:
    assert jobs_of(text) == jobs


def test_when_a_timer_runs_next_is_no_part_of_its_schedule() -> None:
    first = CRON.parse(timers(TIMER % (b"Mon 2026-11-23 03:00:00 UTC", b"3min")))
    later = CRON.parse(timers(TIMER % (b"Tue 2026-11-24 03:00:00 UTC", b"infinity")))
    assert first.states == later.states
    assert first.states["backup.timer"] == Present(
        {
            "schedule": ["OnBootSec=15min", "OnCalendar=*-*-* 03:00:00"],
            "enabled": True,
            "running": True,
        }
    )


def test_crontabs_that_only_root_may_see_are_unknown_and_the_rest_is_not() -> None:
    body = answer("cron", "debian_12_scanning_account")
    states = declared(body, "root", "ana", "nobody-yet", "/etc/cron.d/gone", "/etc/crontab", "gone.timer")
    unknown = {"cron:root", "cron:ana", "cron:nobody-yet"}
    assert {key for key, state in states.items() if state == Unknown("denied")} == unknown
    assert states["cron:/etc/cron.d/gone"] == ABSENT
    assert isinstance(states["cron:/etc/crontab"], Present)


def test_timers_of_a_directory_are_unknown_and_its_tables_are_not() -> None:
    states = declared(answer("cron", "directory_root"), "backup.timer", "/etc/cron.d/backup", "ana")
    assert states["cron:backup.timer"] == Unknown("not supported: only a running system can tell")
    assert isinstance(states["cron:/etc/cron.d/backup"], Present)
    assert states["cron:ana"] == ABSENT


def test_a_secret_in_a_command_never_arrives_and_is_counted() -> None:
    listed = CRON.parse(answer("cron", "a_secret_in_a_command"))
    assert "S3cretPassw0rd" not in repr(listed) and "hunter2" not in repr(listed)
    assert listed.redacted == {"/etc/cron.d/dump": 2}


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    CRON.parse(body)
    CRON.parse(timers(body))
    CRON.parse(b"f/./var/spool/cron/crontabs/ana\0" + body + b"\0times/\0")


@given(st.text(max_size=300))
def test_no_line_of_a_job_breaks_or_holds_what_a_terminal_would_obey(text: str) -> None:
    body = b"f/./etc/crontab\0" + text.replace("\0", "").encode("utf-8", "replace") + b"\0times/\0"
    state = CRON.parse(body).states["/etc/crontab"]
    assert isinstance(state, Present)
    assert all(job.isprintable() and job for job in state.data["jobs"])
