"""The launcher: starts everything, restarts what is killed, and leaves nothing behind however it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from config.data_dir import DataDir, free_port, read_env
from config.engines import ROOT_HOME, remove_home
from config.keys import APPLICATION_SECRETS
from config.launch import DEMONSTRATION, _clear_demonstration
from config.supervise import Supervisor
from tests.entrance.launched import CHECKOUT, Launched, clean_environment, until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("launch")]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Launched]]:
    """What a test puts here is ended after it."""
    launched: list[Launched] = []
    yield launched
    for each in launched:
        each.end()
        remove_home(each.data)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def database_answers(url: str) -> bool:
    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_up_serves_restarts_what_is_killed_and_leaves_nothing_on_ctrl_c(
    running_service: Callable[[], Launched],
) -> None:
    service = running_service()
    url = re.search(r"Foldback is at (http://localhost:(\d+))/", service.said())
    assert url is not None
    port, ready = int(url[2]), f"http://127.0.0.1:{url[2]}/readyz"
    assert answers(ready)
    assert " ready." in (service.data / "log" / "worker.log").read_text()

    killed = {
        words: service.find(words)
        for words in ("bin/postgres -D", "valkey-server", "celery -A config worker")
    }
    assert all(killed.values()), (killed, service.said())
    for pids in killed.values():
        os.kill(min(pids), signal.SIGKILL)
    for words, pids in killed.items():
        until(lambda w=words, p=pids: bool(service.find(w, but=frozenset(p))), 20, f"{words} runs again")
    until(lambda: answers(ready), 20, "ready again")

    assert service.stop(signal.SIGINT) == 0
    assert service.left() == set()
    assert "Traceback" not in service.said()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_engines_keep_port_and_password_when_killed_and_end_with_a_launcher_that_is_killed_hard(
    started: list[Launched], tmp_path: Path
) -> None:
    engines = Launched("engines", directory=tmp_path)
    started.append(engines)
    engines.wait_for("are up", seconds=60)
    environment = read_env(engines.data / "service.env")
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        assert database_answers(environment[name]), name
    assert environment["DATABASE_URL"] != environment["DATABASE_OWNER_URL"]

    before = engines.find("bin/postgres -D")
    for pid in before | engines.find("valkey-server"):
        os.kill(pid, signal.SIGKILL)
    until(lambda: bool(engines.find("bin/postgres -D", but=frozenset(before))), 20, "PostgreSQL runs again")
    until(lambda: database_answers(environment["DATABASE_URL"]), 20, "PostgreSQL answers again")

    engines.look()
    engines.process.kill()
    until(lambda: engines.left() == set(), 20, f"no process left: {engines.left()}")


@pytest.mark.needs("root")
def test_as_root_the_engines_run_as_somebody_else_from_a_place_that_others_may_not_enter(
    started: list[Launched], tmp_path: Path
) -> None:
    engines = Launched("engines", directory=tmp_path)
    started.append(engines)
    engines.wait_for("are up", seconds=60)
    for words in ("bin/postgres -D", "valkey-server"):
        for pid in engines.find(words):
            status = Path(f"/proc/{pid}/status").read_text()
            assert "Uid:\t0" not in status and "Groups:\t \n" in status
            environ = Path(f"/proc/{pid}/environ").read_text()
            assert "FOLDBACK_" not in environ and "PASSWORD" not in environ
    homes = [
        path for path in ROOT_HOME.iterdir() if (path / "origin").read_text().strip() == str(engines.data)
    ]
    assert [path.stat().st_mode & 0o777 for path in homes] == [0o710]
    assert (homes[0] / "postgres").stat().st_mode & 0o777 == 0o700
    assert engines.data.stat().st_mode & 0o777 == 0o700
    assert (engines.data / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_a_worker_counts_as_started_when_it_has_said_so_since_this_start(tmp_path: Path) -> None:
    with DataDir.hold(tmp_path / "data") as data:
        supervisor = Supervisor(data, {})
        log = data.log / "worker.log"
        assert (supervisor.log_size("worker"), supervisor.has_said("worker", " ready.", since=0)) == (
            0,
            False,
        )

        log.write_text("celery@here ready.\n")
        before = supervisor.log_size("worker")
        assert not supervisor.has_said("worker", " ready.", since=before)

        log.write_text("celery@here ready.\nModuleNotFoundError\n")
        assert not supervisor.has_said("worker", " ready.", since=before)
        log.write_text("celery@here ready.\nModuleNotFoundError\ncelery@here ready.\n")
        assert supervisor.has_said("worker", " ready.", since=before)

        log.write_text("@here ready.\n")  # begun anew, since it had grown too large
        assert supervisor.has_said("worker", " ready.", since=before)


def test_a_port_in_use_is_told_in_one_line_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("up", directory=tmp_path, PORT=str(port))
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == f"Port {port} is in use: stop what uses it, or choose another with `make up PORT={port + 1}`."
    )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_told_in_one_line(port: str, tmp_path: Path) -> None:
    done = run("up", directory=tmp_path, PORT=port)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "give a number" in done.stderr


def test_two_services_do_not_share_a_data_directory(started: list[Launched], tmp_path: Path) -> None:
    first = Launched("engines", directory=tmp_path)
    started.append(first)
    first.wait_for("are up", seconds=60)
    second = run("engines", directory=tmp_path)
    assert second.returncode == 1
    assert "already runs with the data directory" in second.stderr and second.stderr.count("\n") == 1
    assert first.stop(signal.SIGHUP) == 0
    assert first.left() == set()


def test_given_servers_are_used_and_no_engine_is_started(started: list[Launched], tmp_path: Path) -> None:
    done = run(
        "exec", "--", sys.executable, "-c", "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])",
        directory=tmp_path, DATABASE_URL="postgresql://me@db.test/x", REDIS_URL="redis://cache.test/0",
    )  # fmt: skip
    assert done.stdout.split() == ["postgresql://me@db.test/x", "redis://cache.test/0"]


def test_what_it_starts_keeps_its_byte_code_whatever_the_shell_says(tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgresql://me@db.test/x", "REDIS_URL": "redis://cache.test/0"}
    code = "import sys; print(sys.dont_write_bytecode)"
    said = run(
        "exec", "--", sys.executable, "-c", code, directory=tmp_path, PYTHONDONTWRITEBYTECODE="1", **servers
    )
    assert said.stdout == "False\n"


@pytest.mark.parametrize("status", [0, 3])
def test_exec_ends_with_the_status_of_its_command(status: int, tmp_path: Path) -> None:
    servers = {"DATABASE_URL": "postgresql://me@db.test/x", "REDIS_URL": "redis://cache.test/0"}
    done = run(
        "exec", "--", sys.executable, "-c", f"raise SystemExit({status})", directory=tmp_path, **servers
    )
    assert done.returncode == status


def run(*arguments: str, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.launch", *arguments],
        cwd=CHECKOUT,
        env=clean_environment(DATA_DIR=str(directory / "data"), **environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_run_that_is_killed_hard_takes_its_command_along_and_is_tidied_up_by_the_next(
    started: list[Launched], tmp_path: Path
) -> None:
    first = Launched("exec", "--", "sh", "-c", "echo in $DATA_DIR; exec sleep 300", directory=tmp_path)
    started.append(first)
    first.wait_for("in /", seconds=60)
    place = Path(first.said().partition("in ")[2].strip())
    assert place.exists()
    first.look()
    first.process.kill()
    until(lambda: first.left() == set(), 20, f"no process left: {first.left()}")
    homes = set(ROOT_HOME.glob("*/temporary")) if os.geteuid() == 0 else set()

    assert run("exec", "--", "true", directory=tmp_path).returncode == 0
    assert not place.exists()
    assert not any(
        home.exists() and (home.parent / "origin").read_text().strip() == str(place) for home in homes
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_ends_its_command_and_the_engines(
    number: signal.Signals, started: list[Launched], tmp_path: Path
) -> None:
    code = "import subprocess, time; subprocess.Popen(['sleep', '300']); print('begun', flush=True); time.sleep(300)"
    service = Launched("exec", "--", sys.executable, "-c", code, directory=tmp_path)
    started.append(service)
    service.wait_for("begun", seconds=60)
    service.look()
    os.killpg(service.process.pid, number)
    assert service.process.wait(timeout=25) == 128 + number
    assert service.left() == set()


def test_the_demonstration_never_empties_another_services_data_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with DataDir.hold(data) as held:
        held.secrets(APPLICATION_SECRETS, {})
    kept = (data / "secrets.env").read_text()
    done = run("demo", directory=tmp_path, PORT=str(free_port()), RESET="1")
    assert done.returncode == 1
    assert "holds something that is no demonstration" in done.stderr and done.stderr.count("\n") == 1
    assert (data / "secrets.env").read_text() == kept


def test_a_demonstration_that_was_interrupted_starts_over_and_one_that_is_made_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESET", raising=False)
    data = tmp_path / "data"
    for state, asked, kept in (
        ("begun", "", False),
        ("made", "", True),
        ("made", "0", True),
        ("made", "1", False),
    ):
        with DataDir.hold(data) as held:
            held.secrets(APPLICATION_SECRETS, {})
        (data / DEMONSTRATION).write_text(state)
        monkeypatch.setenv("RESET", asked)
        _clear_demonstration(data)
        assert (data / "secrets.env").exists() == kept, (state, asked)


def test_a_data_directory_that_was_removed_comes_back_empty_and_one_that_was_moved_keeps_its_database(
    started: list[Launched], tmp_path: Path
) -> None:
    def engines(at: Path) -> str:
        at.mkdir(exist_ok=True)
        launched = Launched("engines", directory=at)
        started.append(launched)
        launched.wait_for("are up", seconds=60)
        return read_env(launched.data / "service.env")["DATABASE_OWNER_URL"]

    def tables(url: str) -> int:
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
            return int(cursor.fetchone()[0])

    with psycopg2.connect(engines(tmp_path / "first")) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept (id int)")
    connection.close()
    assert started[0].stop(signal.SIGTERM) == 0

    (tmp_path / "first").rename(tmp_path / "moved")
    assert tables(engines(tmp_path / "moved")) == 1
    assert tables(engines(tmp_path / "first")) == 0
