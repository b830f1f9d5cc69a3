"""Who probably made a change: ranked by what the evidence says, and nobody where there is none."""

import math

from deployments.core.states import ABSENT, Present
from deployments.traces.base import Trace
from drift.core.attribution import Moment, candidates, moment_of

FILE = "file:/etc/nginx/nginx.conf"
LIVE = Present({"type": "file"})
AT = Moment(after=0.0, before=2000.0, at=1000.0)
SOMETIME = Moment(after=0.0, before=2000.0)


def session(login: str, at: float, until: float = math.inf, origin: str = "") -> Trace:
    return Trace("wtmp", "session", login, at, until, "logged in", (), origin)


def command(login: str, at: float, text: str) -> Trace:
    return Trace("journal", "command", login, at, None, f"sudo {text}")


def ranked(resource: str, moment: Moment, *traces: Trace) -> list[tuple[str, str]]:
    return [(found.login, found.confidence) for found in candidates(resource, moment, traces)]


def test_without_traces_nobody_is_named() -> None:
    assert ranked(FILE, AT) == []


def test_traces_of_another_time_name_nobody() -> None:
    traces = [session("ana", 1200, 1300), command("ben", 1100, "vi /etc/nginx/nginx.conf")]
    assert ranked(FILE, AT, *traces) == []


def test_the_command_that_names_the_file_at_that_time_outweighs_who_was_logged_in() -> None:
    traces = [
        session("cy", 900),
        session("ana", 950),
        command("ana", 998, "sed -i s/a/b/ /etc/nginx/nginx.conf"),
    ]
    assert ranked(FILE, AT, *traces) == [("ana", "high"), ("cy", "low")]


def test_an_editor_stays_open_for_a_while() -> None:
    assert ranked(FILE, AT, command("ana", 400, "vim /etc/nginx/nginx.conf")) == [("ana", "high")]
    assert ranked(FILE, AT, command("ana", 400, "vim /etc/motd")) == []


def test_the_only_login_at_that_time_is_a_candidate_and_one_of_several_a_weak_one() -> None:
    assert ranked(FILE, AT, session("ana", 900)) == [("ana", "medium")]
    assert ranked(FILE, AT, session("ana", 900), session("ben", 900)) == [("ana", "low"), ("ben", "low")]


def test_a_root_shell_is_more_than_a_login() -> None:
    shell = Trace("journal", "shell", "ben", 900, 1100, "shell as root (sudo)")
    assert ranked(FILE, AT, session("ana", 900), session("ben", 890), shell) == [
        ("ben", "medium"),
        ("ana", "low"),
    ]


def test_the_audit_log_is_certain() -> None:
    write = Trace("audit log", "write", "ana", 1000, None, "vi", ("/etc/nginx/nginx.conf",))
    found = candidates(FILE, AT, [write, session("ben", 900)])
    assert [(c.login, c.score) for c in found] == [("ana", 100), ("ben", 50)]


def test_apt_says_who_asked_for_a_package() -> None:
    asked = Trace("apt history", "packages", "ana", 900, 905, "apt-get install htop", ("htop", "libnl"))
    assert ranked("package:htop", SOMETIME, asked, session("ben", 800)) == [("ana", "high"), ("ben", "low")]
    assert ranked("package:vim", SOMETIME, asked) == []


def test_what_has_no_time_of_its_own_happened_between_two_looks() -> None:
    traces = [command("ana", 500, "systemctl mask nginx"), command("ben", 3000, "systemctl mask nginx")]
    assert ranked("service:nginx", SOMETIME, *traces) == [("ana", "high")]
    assert ranked("service:nginx", Moment(600, 2000), *traces) == []


def test_a_word_in_another_word_names_nothing() -> None:
    assert ranked("service:cron", SOMETIME, command("ana", 500, "systemctl stop anacron")) == [("ana", "low")]
    assert ranked("service:cron", SOMETIME, command("ana", 500, "systemctl stop cron.service")) == [
        ("ana", "high")
    ]


def test_one_account_is_one_candidate_with_all_its_evidence() -> None:
    found = candidates(FILE, AT, [session("ana", 900), command("ana", 999, "tee /etc/nginx/nginx.conf")])
    assert len(found) == 1
    assert [reason.split(":")[0] for reason in found[0].reasons] == ["journal", "wtmp"]


def test_the_moment_is_the_inodes_own_and_never_outside_the_looks() -> None:
    evidence = {"mtime": 500.0, "ctime": 1500.0}
    assert moment_of(evidence, LIVE, after=1000.0, before=2000.0, offset=None) == Moment(1000, 2000, 1500)
    assert moment_of(evidence, LIVE, after=1600.0, before=2000.0, offset=None) == Moment(1600, 2000)
    assert moment_of({}, ABSENT, after=None, before=2000.0, offset=10.0) == Moment(-math.inf, 2010.0)


def test_the_hosts_clock_may_be_wrong() -> None:
    moment = moment_of({"ctime": 4600.0}, LIVE, after=900.0, before=1100.0, offset=3600.0)
    assert moment == Moment(4500, 4700, 4600)


def test_a_log_that_anybody_can_write_to_never_speaks_with_high_confidence() -> None:
    forged = Trace("auth log", "command", "ana", 998, None, "sudo vi /etc/nginx/nginx.conf")
    assert ranked(FILE, AT, forged) == [("ana", "medium")]
    assert ranked(FILE, AT, forged, command("ben", 998, "vi /etc/nginx/nginx.conf")) == [
        ("ben", "high"),
        ("ana", "medium"),
    ]
