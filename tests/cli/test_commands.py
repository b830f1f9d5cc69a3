"""The command as somebody at a terminal has it: what it sends, what it says, how it exits."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import COMMAND, Shell
from tests.cli.service import FakeService, nobody, problem, serving

DONE, FAILED, USAGE, WOULD_UNDO, NEEDS_LOGIN, KEPT = range(6)


@pytest.fixture
def fake() -> Iterator[FakeService]:
    with serving(FakeService()) as fake:
        yield fake


@pytest.fixture
def shell(fake: FakeService, tmp_path: Path) -> Shell:
    return Shell(tmp_path, fake.url)


def test_a_fix_is_logged_in_one_line(shell: Shell, fake: FakeService) -> None:
    done = shell("log", "raised workers", "--on", "web-[1-37]", "--file", "/etc/nginx/nginx.conf")
    assert done.returncode == DONE
    assert "CHG-1" in done.stdout and "ana answers for it" in done.stdout
    assert f"{fake.url}/changes/CHG-1/" in done.stdout
    [made] = fake.made
    assert made["selector"] == "web-[1-37]"
    assert made["resources"] == ["file:/etc/nginx/nginx.conf"]
    assert made["happened_at"].endswith("Z")
    assert shell.waiting() == []


def test_quotes_are_not_needed_and_a_long_title_is_not_lost(shell: Shell, fake: FakeService) -> None:
    shell("log", "restarted", "the", "workers", "--here")
    shell("log", "word " * 60)
    short, long = fake.made
    assert (short["title"], short["hosts"]) == ("restarted the workers", ["web-3"])
    assert len(long["title"]) == 200 and long["description"] == ("word " * 60).strip()


def test_a_title_comes_from_standard_input(shell: Shell, fake: FakeService) -> None:
    shell("log", "-", stdin="opened the valve\nand closed it again\n")
    assert (fake.made[0]["title"], fake.made[0]["description"]) == ("opened the valve", "and closed it again")


def test_json_is_the_record_itself(shell: Shell, fake: FakeService) -> None:
    assert shell.json("log", "x")["reference"] == "CHG-1"
    assert shell.json("log", "x", "--incident", "INC-7")["incident"] == "INC-7"


def test_what_the_service_refuses_is_said_and_nothing_is_kept(shell: Shell, fake: FakeService) -> None:
    fake.refuse = lambda body: problem(400, "/selector: no role wbe.", selector="no role wbe")
    done = shell("log", "x", "--on", "role=wbe")
    assert done.returncode == FAILED
    assert "Nothing was recorded" in done.stderr and "no role wbe" in done.stderr
    assert shell.waiting() == []
    told = json.loads(shell("log", "x", "--on", "role=wbe", "--json").stdout)
    assert told["error"]["problem"]["errors"][0]["pointer"] == "/selector"


def test_a_host_with_a_wrong_clock_logs_all_the_same(shell: Shell, fake: FakeService) -> None:
    fake.clock = 1772334720.0  # the service's: 2026-03-01 03:12
    fake.refuse = lambda body: (
        None
        if body["happened_at"].startswith("2026-03-01T03:1")
        else problem(400, "/happened_at: this is in the future.", happened_at="this is in the future")
    )
    assert shell("log", "x").returncode == DONE
    assert "The clock of web-3 said" in fake.made[0]["description"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((503, {"detail": "the database is down"}), "the database is down"),
        ((500, b"<html>oops</html>"), "500"),
        ((200, b"<html>hotel wifi</html>"), "not as Foldback does"),
        ((302, b""), "sends elsewhere"),
        ((429, {"detail": "wait"}), "429"),
        ((201, {"detail": "no record"}), "201"),
    ],
)
def test_whatever_answers_instead_of_foldback_the_record_is_kept(
    answer: Any, told: str, shell: Shell, fake: FakeService
) -> None:
    fake.on("POST", "changes/", answer)
    done = shell("log", "x")
    assert done.returncode == KEPT
    assert told in done.stderr
    assert [entry["body"]["title"] for entry in shell.waiting()] == ["x"]


def test_without_a_login_it_is_kept_and_the_login_delivers_it(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    done = shell("log", "x", "--on", "web-1")
    assert done.returncode == NEEDS_LOGIN and "foldback login" in done.stderr
    assert shell("findings").returncode == NEEDS_LOGIN
    done = shell("login", fake.url, stdin="fb_ana\n")
    assert done.returncode == DONE, done.stderr
    assert [made["title"] for made in fake.made] == ["x"]
    assert "fb_ana" not in done.stdout + done.stderr
    assert stat.S_IMODE(os.stat(shell.home / "config").st_mode) == 0o600
    assert shell("log", "y").returncode == DONE


def test_a_token_that_is_refused_keeps_the_record(shell: Shell, fake: FakeService) -> None:
    fake.known_tokens = {"fb_new"}
    done = shell("log", "x")
    assert done.returncode == NEEDS_LOGIN and "unknown, expired or revoked" in done.stderr
    assert shell("login", fake.url, stdin="fb_wrong\n").returncode == NEEDS_LOGIN
    assert not (shell.home / "config").exists()
    assert shell("sync", FOLDBACK_TOKEN="fb_new").returncode == DONE
    assert [made["title"] for made in fake.made] == ["x"]


def test_a_token_is_never_sent_to_another_address(shell: Shell, fake: FakeService, tmp_path: Path) -> None:
    (shell.home / "config").write_text(f"url = {nobody()}\ntoken = fb_ana\n")
    environment = {"FOLDBACK_URL": fake.url, "FOLDBACK_TOKEN": ""}
    assert shell("findings", **environment).returncode == NEEDS_LOGIN
    assert fake.seen == []


def test_fix_runs_the_command_and_exits_as_it_does(shell: Shell, fake: FakeService) -> None:
    conf = shell.home / "app.conf"
    conf.write_text("one\n")
    done = shell(
        "fix",
        "--file",
        "app.conf",
        "-m",
        "the disk was full",
        "--",
        "sh",
        "-c",
        "echo hi; echo two >app.conf; exit 7",
    )
    assert (done.returncode, done.stdout) == (7, "hi\n"), "standard output is the command's own"
    assert "CHG-1" in done.stderr
    [made] = fake.made
    assert made["hosts"] == ["web-3"]
    assert made["resources"] == [f"file:{conf}"]
    assert "the disk was full" in made["description"]
    assert "exit code 7" in made["description"]
    assert "sha256" in made["description"] and "two" not in made["description"].replace("echo two", "")
    assert shell.waiting() == []


def test_fix_tells_of_a_command_that_a_signal_ended(shell: Shell, fake: FakeService) -> None:
    assert shell("fix", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert "by signal 9" in fake.made[0]["description"]


def test_fix_records_nothing_when_nothing_could_be_run(shell: Shell, fake: FakeService) -> None:
    assert shell("fix", "--", "no-such-command").returncode == 127
    assert fake.made == [] and shell.waiting() == []


def test_fix_exits_as_its_command_also_with_nobody_to_tell(tmp_path: Path) -> None:
    shell = Shell(tmp_path, nobody())
    done = shell("fix", "--", "true")
    assert done.returncode == DONE and "Kept for later" in done.stderr
    assert len(shell.waiting()) == 1


def test_a_fix_whose_record_is_refused_in_part_is_recorded_with_the_rest(
    shell: Shell, fake: FakeService
) -> None:
    fake.refuse = lambda body: (
        problem(400, "/incident: no such incident", incident="no such incident")
        if "incident" in body
        else None
    )
    assert shell("fix", "--incident", "INC-99", "--", "true").returncode == DONE
    assert "incident as it was told: INC-99" in fake.made[0]["description"]


def test_an_incident_is_opened_noted_shown_and_closed(shell: Shell, fake: FakeService) -> None:
    done = shell("incident", "open", "checkout", "down", "--on", "role=web", "--severity", "critical")
    assert done.returncode == DONE and "INC-1" in done.stdout
    assert (fake.made[0]["selector"], fake.made[0]["severity"]) == ("role=web", "critical")
    fake.on("GET", "incidents/", (200, {"results": [{"reference": "INC-1"}], "next": None}))
    fake.on("POST", "incidents/INC-1/timeline/", lambda body: (201, {"id": "1", **body}))
    fake.on(
        "POST", "incidents/INC-1/close/", lambda body: (200, {"reference": "INC-1", "title": "checkout down"})
    )
    fake.on(
        "GET", "incidents/INC-1/", (200, {"reference": "INC-1", "title": "checkout down", "state": "open"})
    )
    line = {
        "at": "2026-03-01T03:12:00Z",
        "kind": "note",
        "text": "traffic \x1b[31mis back",
        "author": {"username": "ana"},
    }
    fake.on("GET", "incidents/INC-1/timeline/", (200, [line]))
    assert shell("incident", "note", "traffic", "is", "back").returncode == DONE
    [noted] = [body for verb, path, body, _ in fake.seen if path.endswith("/timeline/") and verb == "POST"]
    assert noted["text"] == "traffic is back" and noted["at"]
    shown = shell("incident", "show")
    assert "traffic \\x1b[31mis back" in shown.stdout and "ana" in shown.stdout
    assert shell("incident", "close", "INC-1", "a", "certificate").returncode == DONE
    assert {"summary": "a certificate"} in [body for _, _, body, _ in fake.seen]


def test_an_incident_can_be_opened_while_foldback_is_down(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    assert shell("incident", "open", "checkout down", "--on", "*").returncode == NEEDS_LOGIN
    fake_shell = Shell(tmp_path, fake.url)
    assert fake_shell("sync").returncode == DONE
    assert fake.made[0]["title"] == "checkout down" and fake.made[0]["started_at"]


FINDING = {
    "reference": "DRF-88", "state": "open", "resource": "file:/etc/nginx/nginx.conf", "summary": "1 line changed",
    "hosts": {"open": 37}, "first_seen_at": "2026-03-01T03:20:00Z", "claimed_by": None, "is_explained": False,
    "title": "File /etc/nginx/nginx.conf", "created_at": "2026-03-01T03:20:00Z",
}  # fmt: skip


def test_findings_are_listed_and_one_is_shown_with_its_diff(shell: Shell, fake: FakeService) -> None:
    fake.on("GET", "findings/", (200, {"results": [FINDING], "next": None}))
    fake.on("GET", "findings/DRF-88/", (200, FINDING))
    side = {"text": "a\nworker_connections 1024;\n"}
    live = {"text": "a\nworker_connections 4096;\n"}
    fake.on(
        "GET",
        "findings/DRF-88/diff/",
        (200, {"variants": [{"hosts": ["web-1"], "base": side, "live": live}]}),
    )
    listed = shell("findings", "--on", "role=web")
    assert "DRF-88" in listed.stdout and "37 hosts" in listed.stdout and "nobody yet" in listed.stdout
    shown = shell("show", "drf-88")
    assert "-worker_connections 1024;" in shown.stdout and "+worker_connections 4096;" in shown.stdout
    assert shell.json("findings")["results"] == [FINDING]


def test_a_list_is_followed_to_its_end(shell: Shell, fake: FakeService) -> None:
    def page(body: Any) -> Any:
        number = fake.paths().count("findings/")
        after = f"{fake.url}/api/v1/findings/?cursor={number}" if number < 3 else None
        return 200, {"results": [{**FINDING, "reference": f"DRF-{number}"}], "next": after}

    fake.on("GET", "findings/", page)
    assert [row["reference"] for row in shell.json("findings")["results"]] == ["DRF-1", "DRF-2", "DRF-3"]


def test_a_decision_is_proposed_where_the_role_is(shell: Shell, fake: FakeService) -> None:
    places = [{"layer": "roles/web", "key": "a"}, {"layer": "base", "key": "b"}]
    fake.on("GET", "findings/DRF-88/placements/", (200, {"placements": places}))
    answer = {"reference": "DEC-3", "change": {"reference": "CHG-1043"}, "patch": "+x"}
    fake.on("POST", "decisions/", (201, answer))
    done = shell("decide", "fold-back", "DRF-88", "--layer", "role", "-m", "it keeps checkout up")
    assert done.returncode == DONE and "foldback approve CHG-1043" in done.stdout
    body, headers = next((body, headers) for verb, path, body, headers in fake.seen if path == "decisions/")
    assert body["layer"] == "roles/web" and headers["Idempotency-Key"]
    assert shell("decide", "fold-back", "DRF-88").returncode == USAGE


def test_an_approval_binds_what_was_read(shell: Shell, fake: FakeService) -> None:
    change = {"reference": "CHG-1043", "title": "Fold back", "digest": "a" * 64, "kind": "decision"}
    fake.on("GET", "changes/CHG-1043/", (200, change))
    fake.on("POST", "changes/CHG-1043/approvals/", (201, {"verdict": "approved"}))
    assert shell("approve", "CHG-1043").returncode == USAGE, "nobody is there to read it"
    assert shell("approve", "chg-1043", "--yes").returncode == DONE
    assert fake.seen[-1][2] == {"verdict": "approve", "digest": "a" * 64}
    assert shell("refuse", "CHG-1043", "--yes", "-m", "no").returncode == DONE
    assert fake.seen[-1][2] == {"verdict": "refuse", "digest": "a" * 64, "reason": "no"}


def test_a_scan_is_waited_for_and_tells_what_it_found(shell: Shell, fake: FakeService) -> None:
    scan = {
        "reference": "SCN-5",
        "state": "running",
        "finished_at": None,
        "created_at": "2026-03-01T03:20:00Z",
    }
    ended = {
        **scan,
        "state": "succeeded",
        "finished_at": "2026-03-01T03:21:00Z",
        "counts": {"hosts": {"ok": 36, "unknown": 1}},
    }
    fake.on("POST", "scans/", (202, scan))
    fake.on(
        "GET", "scans/SCN-5/", lambda body: (200, scan if fake.paths().count("scans/SCN-5/") < 2 else ended)
    )
    fake.on("GET", "findings/", (200, {"results": [FINDING], "next": None}))
    done = shell("scan", "--on", "role=web", "--wait")
    assert done.returncode == DONE
    assert "36 ok, 1 unknown" in done.stdout and "DRF-88" in done.stdout


def test_preflight_exits_3_where_a_push_would_undo_a_fix(shell: Shell, fake: FakeService) -> None:
    row = {
        "finding": "DRF-88", "resource": "file:/etc/motd", "summary": "1 line", "state": "open", "hosts": ["web-1"],
        "claimed_by": None, "explained_by": [{"change": "CHG-7", "incident": "INC-7", "owner": {"username": "ana"}}],
    }  # fmt: skip
    fake.on(
        "GET",
        "preflight/",
        (200, {"hosts": 3, "would_undo": [row], "unknown": {"hosts": 1, "reasons": {"never looked at": 1}}}),
    )
    done = shell("preflight", "REL-12", "--on", "role=web")
    assert done.returncode == WOULD_UNDO
    assert "DRF-88" in done.stdout and "by ana CHG-7 INC-7" in done.stdout
    assert "1 host can't be told about: 1 never looked at" in done.stderr
    fake.on("GET", "preflight/", (200, {"hosts": 3, "would_undo": [], "unknown": {"hosts": 0}}))
    assert shell("preflight", "--on", "role=web").returncode == DONE


def test_a_deployment_is_reported_once_for_hosts_by_name(
    shell: Shell, fake: FakeService, tmp_path: Path
) -> None:
    fake.on("GET", "hosts/", (200, {"results": [{"name": "web-1"}, {"name": "web-2"}], "next": None}))
    fake.on("POST", "deployments/", lambda body: (201, {"id": "1", "reference": "DEP-1", **body}))
    for words in (["--on", "role=web"], ["--on", "web-1,web-2"]):
        done = shell("deployed", "abc123", *words, "--external-id", "build-7")
        assert done.returncode == DONE and "DEP-1  deployed abc123" in done.stdout
        body = fake.seen[-1][2]
        assert (body["hosts"], body["external_id"]) == (["web-1", "web-2"], "build-7")
    away = Shell(tmp_path / "away", nobody())
    assert away("deployed", "abc123", "--on", "web-1").returncode == KEPT
    assert away("deployed", "abc123", "--on", "role=web").returncode == FAILED
    assert len(away.waiting()) == 1


def test_a_report_with_unknown_hosts_is_refused_and_never_thinned_out(
    shell: Shell, fake: FakeService
) -> None:
    fake.on("POST", "deployments/", problem(422, "no host web-99", hosts="web-99"))
    assert shell("deployed", "abc123", "--on", "web-1,web-99").returncode == FAILED
    assert fake.paths("POST") == ["deployments/"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lgo", "x"], "Did you mean log?"),
        (["log", "--onn", "x"], "Did you mean --on?"),
        (["log"], "Say what you did"),
        (["log", "x", "--at", "soon"], "no time"),
        (["log", "x", "--on"], "--on takes HOSTS"),
        (["show", "--yes", "DRF-1"], "has no option --yes"),
        (["incident", "opne"], "Did you mean incident open?"),
        (["claim", "web-1"], "can't be claimed"),
        (["fix"], "foldback fix -- systemctl restart nginx"),
        (["decide", "waive", "DRF-1", "--until", "soon", "-m", "x"], "no date"),
        ([], "At three in the morning"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_to_do(arguments: list[str], told: str, shell: Shell) -> None:
    done = shell(*arguments)
    assert done.returncode == USAGE
    assert told in done.stderr, done.stderr


def test_asking_again_after_a_lost_answer_does_nothing_twice(shell: Shell, fake: FakeService) -> None:
    tries: list[str] = []

    def claim(body: Any) -> Any:
        tries.append(fake.seen[-1][3]["Idempotency-Key"])
        return None if len(tries) == 1 else (200, {**FINDING, "title": "File"})

    fake.on("POST", "findings/DRF-88/claim/", claim)
    assert shell("claim", "DRF-88").returncode == DONE
    assert len(tries) == 2 and len(set(tries)) == 1


def test_a_reader_that_goes_away_is_no_error(shell: Shell) -> None:
    process = shell.start("help")
    assert process.stdout and process.stderr
    process.stdout.close()
    assert "Error" not in process.stderr.read()
    process.wait(timeout=30)
    process.stderr.close()


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "<&-", ">/dev/full"])
def test_a_stream_that_is_closed_or_full_loses_no_record(
    redirection: str, shell: Shell, fake: FakeService
) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} {COMMAND} log x {redirection}"],
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (DONE, FAILED) and "Traceback" not in done.stderr
    assert len(fake.made) == 1 and shell.waiting() == []
