"""What is kept while nobody can be told: on disk, delivered once, and never lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import COMMAND, Shell
from tests.cli.service import FakeService, nobody, problem, serving

DONE, FAILED, KEPT = 0, 1, 5


@pytest.fixture
def fake() -> Iterator[FakeService]:
    with serving(FakeService()) as fake:
        yield fake


def keep(shell: Shell, *titles: str) -> None:
    """Say these while nobody listens, to whom it may concern."""
    for title in titles:
        assert shell("log", title, FOLDBACK_URL="", FOLDBACK_TOKEN="").returncode == 4
    assert len(shell.waiting()) >= len(titles)


def test_the_next_command_delivers_what_was_kept_with_its_own_time(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    keep(shell, "one", "two")
    said = [entry["body"]["happened_at"] for entry in shell.waiting()]
    done = shell("log", "three")
    assert "Delivered 2 records kept earlier: CHG-2, CHG-3" in done.stderr
    assert [(made["title"], made["happened_at"]) for made in fake.made[1:]] == list(
        zip(["one", "two"], said, strict=True)
    )
    assert shell.waiting() == []
    assert shell("sync").stdout == "Nothing waits to be delivered.\n"


def test_entries_are_for_their_owner_only(tmp_path: Path) -> None:
    shell = Shell(tmp_path, nobody())
    assert shell("log", "x").returncode == KEPT
    [entry] = shell.spool.glob("*.json")
    assert entry.stat().st_mode & 0o777 == 0o600
    assert shell.spool.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    shell = Shell(tmp_path, nobody())
    spool = tmp_path / "open"
    spool.mkdir()
    spool.chmod(0o777)
    done = shell("log", "x", FOLDBACK_SPOOL=str(spool))
    assert done.returncode == FAILED
    assert "neither delivered" in done.stderr and '"title": "x"' in done.stderr
    assert list(spool.iterdir()) == []


def test_a_lost_answer_makes_one_record(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    fake.hang_up_after_recording = 1
    assert shell("log", "x").returncode == KEPT
    assert shell("sync").returncode == DONE
    assert len(fake.made) == 1


def test_a_lost_answer_and_a_new_token_make_one_record(fake: FakeService, tmp_path: Path) -> None:
    """The service knows an external id for each token; so what may be there already is looked for first."""
    shell = Shell(tmp_path, fake.url)
    fake.hang_up_after_recording = 1
    assert shell("log", "x").returncode == KEPT
    assert shell("sync", FOLDBACK_TOKEN="fb_ana_2").returncode == DONE
    assert len(fake.made) == 1
    assert shell.waiting() == []


def test_what_is_for_one_foldback_is_not_told_to_another(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, nobody())
    assert shell("log", "x").returncode == KEPT
    done = shell("sync", FOLDBACK_URL=fake.url)
    assert done.returncode == KEPT and "kept for" in done.stderr
    assert fake.made == [] and len(shell.waiting()) == 1


def test_what_is_refused_later_goes_into_the_description(fake: FakeService, tmp_path: Path) -> None:
    """Nobody is there any more to mend it: the record is made of what the service takes."""
    shell = Shell(tmp_path, fake.url)
    assert shell("log", "x", "--on", "role=wbe", FOLDBACK_URL="", FOLDBACK_TOKEN="").returncode == 4
    fake.refuse = lambda body: problem(400, "no", selector="no role wbe") if "selector" in body else None
    assert shell("sync").returncode == DONE
    assert "selector as it was told: role=wbe (no role wbe)" in fake.made[0]["description"]


def test_what_is_refused_whole_is_set_aside_and_the_rest_delivered(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    keep(shell, "bad", "good")
    fake.refuse = lambda body: problem(400, "no such word") if body["title"] == "bad" else None
    done = shell("sync")
    assert done.returncode == FAILED and "no such word" in done.stderr
    assert [made["title"] for made in fake.made] == ["good"]
    [aside] = (shell.spool / "refused").iterdir()
    assert json.loads(aside.read_text())["body"]["title"] == "bad"
    assert str(aside) in shell("sync").stderr


def test_a_broken_entry_holds_nobody_up(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    keep(shell, "good")
    (shell.spool / "0000000000001-broken.json").write_text("{")
    assert "no entry that can be read" in shell("sync").stderr
    assert [made["title"] for made in fake.made] == ["good"]


def test_a_fix_that_was_cut_off_has_its_record(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    process = shell.start("fix", "--", "sh", "-c", "echo begun; exec sleep 30")
    assert process.stdout and process.stderr and process.stdout.readline() == "begun\n"
    assert "still running" in shell("sync").stdout  # nobody else delivers it
    assert fake.made == []
    process.kill()
    process.wait(timeout=30)
    process.stdout.close()
    process.stderr.close()
    assert shell("sync").returncode == DONE
    [made] = fake.made
    assert "cut off" in made["description"] and made["hosts"] == ["web-3"]
    assert list(shell.spool.glob("*.json")) == []


def test_two_at_once_deliver_each_entry_once(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    keep(shell, *"abcdefgh")
    threads = [threading.Thread(target=shell, args=("sync",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made["title"] for made in fake.made) == list("abcdefgh")
    shell("sync")
    assert shell.waiting() == []


def test_a_service_that_never_answers_holds_log_up_for_seconds_only(tmp_path: Path) -> None:
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        shell = Shell(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        process = shell.start("log", "x")
        try:
            began = time.monotonic()
            code = process.wait(timeout=60)
            took = time.monotonic() - began
        finally:
            process.send_signal(signal.SIGKILL) if process.poll() is None else None
            process.communicate()
    assert code == KEPT
    assert took < 30  # eight seconds, on a machine that is not busy
    assert len(shell.waiting()) == 1


def test_a_note_is_kept_too_and_delivered_under_one_key(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    made: dict[str, Any] = {}

    def timeline(body: Any) -> Any:
        made.setdefault(fake.seen[-1][3]["Idempotency-Key"], {"id": "1", **body})
        return None if len(fake.paths("POST")) == 1 else (201, {"id": "1", **body})

    fake.on("POST", "incidents/INC-7/timeline/", timeline)
    assert shell("incident", "note", "INC-7", "traffic", "is", "back").returncode == KEPT
    assert shell("sync").returncode == DONE
    assert [(note["text"], bool(note["at"])) for note in made.values()] == [("traffic is back", True)]
    away = Shell(tmp_path / "away", nobody())
    assert "INC-7" in away("incident", "note", "which one?").stderr
    assert away.waiting() == []


def test_a_note_of_yesterday_is_looked_for_before_it_is_sent_again(fake: FakeService, tmp_path: Path) -> None:
    """Keys are forgotten after a day."""
    shell = Shell(tmp_path, fake.url)
    fake.on("POST", "incidents/INC-7/timeline/", lambda body: None)
    assert shell("incident", "note", "INC-7", "traffic is back").returncode == KEPT
    [path] = shell.spool.glob("*.json")
    entry = json.loads(path.read_text())
    path.write_text(json.dumps({**entry, "clock": entry["clock"] - 90_000}))
    row = {"id": "1", "text": "traffic is back", "at": entry["body"]["at"]}
    fake.on("GET", "incidents/INC-7/timeline/", (200, {"results": [row], "next": None}))
    posts = len(fake.paths("POST"))
    assert shell("sync").returncode == DONE
    assert len(fake.paths("POST")) == posts and shell.waiting() == []


def test_one_that_nobody_takes_holds_up_none_of_the_others(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    keep(shell, "stumble", "forbidden", "good", "better")
    answers = {"stumble": (500, {"detail": "a bug"}), "forbidden": problem(403, "not you")}
    fake.refuse = lambda body: answers.get(body["title"])
    done = shell("sync")
    assert done.returncode == 4 and "2 records still wait" in done.stderr
    assert [made["title"] for made in fake.made] == ["good", "better"]
    told = shell.json("sync")
    assert (told["delivered"], told["waiting"]) == ([], 2)


def test_an_id_that_another_client_chose_too_is_not_taken_for_ours(fake: FakeService, tmp_path: Path) -> None:
    fake.records["fb_other", "b-1"] = {
        "id": "0",
        "reference": "CHG-0",
        "external_id": "b-1",
        "title": "theirs",
    }
    shell = Shell(tmp_path, fake.url)
    fake.known_tokens = {"fb_new", "fb_other"}
    assert shell("log", "ours", "--external-id", "b-1").returncode == 4
    assert shell("sync", FOLDBACK_TOKEN="fb_new").returncode == DONE
    assert sorted(made["title"] for made in fake.made) == ["ours", "theirs"]


def test_what_a_killed_command_only_began_to_write_is_swept_away_after_a_day(
    fake: FakeService, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, fake.url)
    keep(shell, "x")
    old, new = shell.spool / ".old.json.1", shell.spool / ".new.json.2"
    old.write_text("{")
    new.write_text("{")
    os.utime(old, (1, 1))
    assert shell("sync").returncode == DONE
    assert not old.exists() and new.exists()


def copies(shell: Shell, number: int) -> None:
    """So many entries, made of the first: a process for each would take long."""
    keep(shell, "copy 0")
    [path] = shell.spool.glob("*.json")
    entry = json.loads(path.read_text())
    for n in range(1, number):
        body = {**entry["body"], "title": f"copy {n}", "external_id": f"copy-{n}"}
        (shell.spool / f"{path.name[:13]}-{n:032x}.json").write_text(
            json.dumps({**entry, "body": body, "id": f"{n}"})
        )


def test_many_are_delivered_together_and_what_is_refused_of_them_by_itself(
    fake: FakeService, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, fake.url)
    copies(shell, 230)
    fake.refuse = lambda body: problem(400, "no such word") if body["title"] == "copy 7" else None
    assert shell("sync").returncode == FAILED
    assert len(fake.made) == 229
    assert fake.paths("POST") == [*["changes/bulk/"] * 3, "changes/"]
    assert shell.waiting() == [] and len(list((shell.spool / "refused").iterdir())) == 1


def test_where_many_together_are_not_taken_they_are_delivered_one_by_one(
    fake: FakeService, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, fake.url)
    copies(shell, 12)
    fake.on("POST", "changes/bulk/", problem(404, "Nothing is at this address."))
    assert shell("sync").returncode == DONE
    assert len(fake.made) == 12 and shell.waiting() == []


def test_without_a_place_to_write_what_can_be_delivered_is(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    done = shell("log", "x", FOLDBACK_SPOOL="/dev/null/nowhere")
    assert done.returncode == DONE and len(fake.made) == 1
    assert shell("fix", "--", "true", FOLDBACK_SPOOL="/dev/null/nowhere").returncode == DONE
    assert len(fake.made) == 2


def test_nobody_delivers_what_another_command_is_just_delivering(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    delivered: list[str] = []

    def slow(body: Any) -> Any:
        fake.answers.clear()
        fake.lock.release()  # so that others are answered meanwhile
        delivered.append(shell("sync").stdout)
        fake.lock.acquire()
        return problem(400, "no such word")

    fake.on("POST", "changes/", slow)
    assert shell("log", "x").returncode == FAILED
    assert "still running" in delivered[0]
    assert fake.made == [] and shell.waiting() == [], "refused, told, and not recorded behind anybody's back"


def test_bytes_that_are_no_text_hold_nothing_up(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    done = subprocess.run(
        [sys.executable, str(COMMAND), "fix", "-m", b"caf\xe9", "--", "true", b"\xff"],
        env=shell.environment, cwd=shell.home, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == DONE, done.stderr
    assert "\\xdcff" in fake.made[0]["title"] and "caf\\xdce9" in fake.made[0]["description"]


def test_who_may_not_record_is_told_without_asking_for_each(fake: FakeService, tmp_path: Path) -> None:
    shell = Shell(tmp_path, fake.url)
    copies(shell, 30)
    fake.on("POST", "changes/", problem(403, "an auditor may not log changes"))
    fake.on("POST", "changes/bulk/", problem(403, "an auditor may not log changes"))
    assert shell.json("sync")["waiting"] == 30
    assert len(fake.paths("POST")) == 4
    assert len(shell.waiting()) == 30
