"""Traces of people on a host: each source read as its tools write it, hostile ones survived, secrets never kept."""

import json
import math
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.collector.facts import parse_clock
from deployments.collector.wire import Reply
from deployments.traces.audit import parse_accounting, parse_audit_log
from deployments.traces.auth_log import UNPROVEN, parse_auth_log, parse_journal
from deployments.traces.base import HostClock, Trace
from deployments.traces.logins import parse_wtmp
from deployments.traces.packages import (
    parse_apk_log,
    parse_apt_history,
    parse_dnf_log,
    parse_dpkg_log,
    parse_yum_log,
)
from deployments.traces.survey import PARSERS, parse_traces

DATA = Path(__file__).parent / "traces_data"
CLOCK = HostClock(now=1763885000.0)  # 2025-11-23 08:03:20 UTC
USERS = {"0": "root", "1001": "ana", "1002": "ben", "1003": "cy"}
NAMES = "".join(f"{number} {name}\n" for number, name in USERS.items())


def data(name: str) -> str:
    return (DATA / name).read_text()


def entry(uid: int, at: float, tag: str, message: object, *, pid: int = 1, **more: object) -> str:
    """A line of `journalctl -o json`. `uid`: as whom its writer ran, which only the kernel can say."""
    trusted = {"_UID": str(uid), "_PID": str(pid), "__REALTIME_TIMESTAMP": str(int(at * 1e6))}
    return json.dumps({"SYSLOG_IDENTIFIER": tag, "MESSAGE": message, **trusted, **more}) + "\n"


OPENED = "pam_unix({service}:session): session opened for user {user} by {by}"


def sudo_of(login: str, path: str = "/etc/motd") -> str:
    return f"{login:>8} : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/usr/bin/vi {path}"


def brief(traces: list[Trace]) -> list[tuple[object, ...]]:
    return [(t.what, t.login, t.at, t.until) for t in traces]


def test_the_journal_tells_commands_shells_and_logins() -> None:
    assert brief(parse_journal(data("journal.json"), CLOCK, USERS)) == [
        ("session", "ana", 1763884000.2, 1763884100.0),
        ("session", "ana", 1763884000.25, 1763884100.1),
        ("command", "ana", 1763884010.0, None),
        ("command", "ben", 1763884030.0, None),
        ("shell", "ben", 1763884030.01, 1763884090.0),
        ("shell", "cy", 1763884110.0, math.inf),
        ("command", "ana", 1763884120.0, None),
    ]


def test_a_command_is_told_as_it_was_run_and_from_where() -> None:
    traces = parse_journal(data("journal.json"), CLOCK, USERS)
    command = next(t for t in traces if t.what == "command")
    assert (command.text, command.origin) == ("sudo /usr/bin/sed -i s/64/128/ /etc/nginx/nginx.conf", "pts/0")
    assert traces[0].origin == "192.0.2.7"


def test_a_password_on_a_command_line_is_not_kept() -> None:
    texts = [t.text for t in parse_journal(data("journal.json"), CLOCK, USERS)]
    assert any("mysql" in text for text in texts) and not any("Tr0ub4dor" in text for text in texts)


def test_a_file_of_syslog_has_times_without_year_and_with_zone() -> None:
    masked, tuned = parse_auth_log(data("auth.log"), CLOCK)
    assert (masked.login, masked.at) == ("ana", 1763884010.0)
    assert (tuned.login, tuned.at) == ("ben", 1763884015.123456)


def test_a_time_without_year_is_never_in_the_future() -> None:
    assert HostClock(1763885000.0).without_year("Dec 31 23:00:00") == 1735686000.0  # the year before
    assert HostClock(1763885000.0, 3600).without_year("Nov 23 08:46:50") == 1763884010.0


def test_apt_knows_who_asked_and_which_packages() -> None:
    asked, by_itself = parse_apt_history(data("apt.txt"), CLOCK)
    assert (asked.login, asked.names, asked.text) == (
        "ana",
        ("htop", "libnl-3-200"),
        "apt-get install -y htop",
    )
    assert (asked.at, asked.until) == (1763883956.0, 1763883959.0)
    assert (by_itself.login, by_itself.names) == ("", ("openssl",))


def test_dpkg_yum_dnf_and_apk_know_when() -> None:
    installed, removed = parse_dpkg_log(data("dpkg.txt"), CLOCK)
    assert (installed.names, installed.at) == (("htop",), 1763883957.0)
    assert removed.names == ("telnet",)
    (htop,) = parse_dnf_log(data("dnf.txt"), CLOCK)
    assert (htop.names, htop.at) == (("htop",), 1763883956.0)
    (old,) = parse_yum_log("Nov 23 07:45:56 Installed: 1:htop-3.2-1.el7.x86_64\n", CLOCK)
    assert (old.names, old.at) == (("htop",), 1763883956.0)
    (apk,) = parse_apk_log("Running `apk add htop` at 2025-11-23 07:45:56\n", CLOCK)
    assert (apk.names, apk.at) == (("htop",), 1763883956.0)


def test_the_audit_log_names_the_account_that_logged_in_and_the_path() -> None:
    ana, ben = parse_audit_log(data("audit.txt"), CLOCK, USERS)
    assert (ana.login, ana.at, ana.names) == ("ana", 1763884010.02, ("/etc/nginx/nginx.conf",))
    assert (ben.login, ben.names) == ("ben", ("/etc/a b.conf",))


def utmp(kind: int, line: str, user: str, host: str, at: int) -> bytes:
    record = struct.pack(
        "<hxxi32s4s32s256shhiii16s20x",
        kind,
        1,
        line.encode(),
        b"",
        user.encode(),
        host.encode(),
        0,
        0,
        0,
        at,
        0,
        b"",
    )
    assert len(record) == 384
    return record


def test_wtmp_pairs_logins_with_logouts_by_terminal() -> None:
    records = [
        utmp(7, "pts/0", "ana", "192.0.2.7", 100),
        utmp(7, "pts/1", "ben", "192.0.2.8", 110),
        utmp(8, "pts/0", "", "", 150),
        utmp(2, "~", "reboot", "", 200),
        utmp(7, "tty1", "cy", "", 300),
    ]
    found = parse_wtmp(b"".join(records).hex(), CLOCK)
    assert brief(found) == [
        ("session", "ana", 100, 150),
        ("session", "ben", 110, 200),
        ("session", "cy", 300, math.inf),
    ]
    assert [t.origin for t in found] == ["192.0.2.7", "192.0.2.8", "tty1"]


def test_a_wtmp_that_was_cut_in_a_record_still_says_the_rest() -> None:
    whole = utmp(7, "pts/0", "ana", "", 100) + utmp(8, "pts/0", "", "", 150)
    assert brief(parse_wtmp(whole[-700:].hex(), CLOCK)) == []
    assert len(parse_wtmp((b"x" * 10 + whole).hex(), CLOCK)) == 1


def test_accounting_knows_the_user_and_the_program() -> None:
    record = struct.pack("<bbH6If8H16s", 0, 3, 0, 0, 1001, 1001, 5, 4, 1763884010, 250.0, *[0] * 8, b"vim")
    (trace,) = parse_accounting(record.hex(), CLOCK, USERS)
    assert (trace.login, trace.text, trace.at, trace.until) == ("ana", "ran vim", 1763884010.0, 1763884012.5)


def answer(**fields: str) -> Reply:
    return Reply("".join(f"{name.replace('__', '/')}\0{text}\0" for name, text in fields.items()).encode())


def test_what_may_not_be_read_is_said() -> None:
    traces = parse_traces(
        answer(now="1763885000 +0000", self="foldback-scan ", names="", x__journal="", apt=data("apt.txt"))
    )
    assert traces.sources == {"journal": "denied", "apt": "read"}
    assert len(traces.traces) == 2


def test_a_host_can_neither_name_sources_nor_set_a_time_that_is_none() -> None:
    traces = parse_traces(answer(now="1763885000 +0000", x__bomb="", bomb="x", x__audit=""))
    assert traces.sources == {"audit": "denied"}
    assert parse_clock(b"clock/1763885000.5\0") == 1763885000.5
    assert parse_clock(b"clock/999999999999.5\0") is None


def test_a_line_of_syslog_does_not_count_where_the_journal_tells_who_wrote_it() -> None:
    forged = f"1763884500.1 web-1 sudo[1]: {sudo_of('ana')}\n"
    before = f"1763884000.1 web-1 sudo[1]: {sudo_of('ben')}\n"
    journal = entry(1003, 1763884400.1, "sudo", sudo_of("cy"))
    logs = {"auth.log": before + forged, "journal": journal}
    traces = parse_traces(answer(now="1763885000 +0000", names=NAMES, **logs))
    assert [trace.login for trace in traces.traces] == ["ben", "cy"]
    alone = parse_traces(answer(now="1763885000 +0000", **{"auth.log": forged}))
    assert [trace.login for trace in alone.traces] == ["ana"]


@pytest.mark.parametrize("exe", [{}, {"_EXE": "/usr/bin/sudo"}], ids=["ended", "seen"])
def test_an_account_is_believed_about_itself_alone(exe: dict[str, str]) -> None:
    """Whether the journal still saw the program counts nothing: whoever writes a line may become sudo right after."""
    log = (
        entry(1002, 1763884010, "sudo", sudo_of("ana"), **exe)
        + entry(1002, 1763884011, "su", OPENED.format(service="su", user="root", by="ana(uid=1001)"), **exe)
        + entry(1002, 1763884012, "sshd", "Accepted publickey for ana from 192.0.2.7 port 1 ssh2: X", **exe)
        + entry(1002, 1763884012, "sshd", OPENED.format(service="sshd", user="ana", by="(uid=0)"), **exe)
        + entry(1002, 1763884013, "systemd-logind", "New session 3 of user ana.", **exe)
    )
    assert parse_journal(log, CLOCK, USERS) == []
    own = parse_journal(log + entry(1002, 1763884014, "sudo", sudo_of("ben"), **exe), CLOCK, USERS)
    assert [(trace.login, trace.at, trace.source) for trace in own] == [("ben", 1763884014, "journal")]
    by_root = parse_journal(entry(0, 1763884014, "sudo", sudo_of("ana")), CLOCK, USERS)
    assert [trace.login for trace in by_root] == ["ana"]


def test_whose_number_is_in_no_file_is_known_from_a_login_else_unproven() -> None:
    """A directory's account. Where root tells nothing of it, a line counts if it looks like sudo's, and proves nothing."""
    sudo = {"_EXE": "/usr/bin/sudo"}
    line = entry(20_001, 1763884010, "sudo", sudo_of("dee"), **sudo)
    assert {t.source for t in parse_journal(line, CLOCK, USERS)} == {UNPROVEN}
    assert parse_journal(entry(20_001, 1763884010, "sudo", sudo_of("dee")), CLOCK, USERS) == []
    opened = OPENED.format(service="sshd", user="dee(uid=20001)", by="(uid=0)")
    commands = [
        t
        for t in parse_journal(
            entry(0, 1, "sshd", "x") + entry(0, 1763884000, "sshd", opened) + line, CLOCK, USERS
        )
        if t.what == "command"
    ]
    assert [(t.login, t.source) for t in commands] == [("dee", "journal")]
    other = entry(20_002, 1763884000, "sshd", opened) + line
    assert {t.source for t in parse_journal(other, CLOCK, USERS)} == {UNPROVEN}


def test_of_an_account_with_two_names_the_first_is_what_sudo_writes() -> None:
    log = entry(1001, 1763884010, "sudo", sudo_of("ana"))
    traces = parse_traces(answer(now="1763885000 +0000", names="1001 ana\n1001 backup\n", journal=log))
    assert [trace.login for trace in traces.traces] == ["ana"]


def test_a_look_of_our_own_is_nobody() -> None:
    opened = OPENED.format(service="sshd", user="root(uid=0)", by="(uid=0)")
    log = (
        entry(0, 1763884000.1, "sshd", "Accepted publickey for root from 192.0.2.1 port 1 ssh2: X")
        + entry(0, 1763884000.2, "sshd", opened)
        + entry(0, 1763884003.2, "sshd", "pam_unix(sshd:session): session closed for user root")
        + entry(0, 1763884100.1, "sshd", "Accepted publickey for root from 192.0.2.9 port 1 ssh2: X", pid=2)
        + entry(0, 1763884100.2, "sshd", opened, pid=2)
    )
    traces = parse_traces(answer(now="1763885000 +0000", self="root 192.0.2.1 5 192.0.2.2 22", journal=log))
    assert [t.origin for t in traces.traces] == ["192.0.2.9"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"half", "truncated"),
        Reply(b""),
        Reply(b"now\0soon\0"),
        Reply(b"\xff\0\0"),
        Reply("now\0²\0".encode()),
        Reply("now\x001763885000 +²²²²\0auth.log\0Nov 23 07:45:56 h sshd[1]: x\n\0".encode()),
        Reply(b"now\x00999999999999 +0000\0auth.log\0Nov 23 07:45:56 h sshd[1]: x\n\0"),
    ],
)
def test_an_answer_that_is_none_says_nobody(reply: Reply) -> None:
    assert parse_traces(reply).traces == ()


@given(st.text(max_size=400), st.sampled_from(sorted(PARSERS)))
@settings(max_examples=200)
def test_no_log_breaks_its_parser(text: str, source: str) -> None:
    for trace in PARSERS[source](text, CLOCK):
        assert trace.text.isprintable()


FIELDS = (
    st.none()
    | st.text(max_size=40)
    | st.integers()
    | st.lists(st.integers(0, 255) | st.text(max_size=3), max_size=20)
)


@given(
    st.lists(st.sampled_from(["_UID", "_EXE", "_PID", "MESSAGE", "__REALTIME_TIMESTAMP"]), unique=True),
    st.data(),
)
@settings(max_examples=100)
def test_no_entry_of_a_journal_breaks_its_parser(changed: list[str], drawn: st.DataObject) -> None:
    more = {name: drawn.draw(FIELDS) for name in changed}
    log = entry(1001, 1763884010, "sudo", sudo_of("ana"), **more)  # type: ignore[arg-type]
    for trace in parse_journal(log + drawn.draw(st.text(max_size=40)), CLOCK, USERS):
        assert trace.text.isprintable()


@given(st.binary(max_size=1000))
@settings(max_examples=100)
def test_no_binary_log_breaks_its_parser(raw: bytes) -> None:
    parse_wtmp(raw.hex(), CLOCK)
    parse_accounting(raw.hex(), CLOCK, USERS)
    parse_audit_log(raw.decode("utf-8", "replace"), CLOCK, USERS)
