"""The data directory: held by one, private, its secrets made once, and never emptied when it isn't ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from config.data_dir import CannotStart, DataDir, read_env, reset, write_env
from config.keys import APPLICATION_SECRETS, new_secret, seal_public_of


def test_secrets_are_made_once_kept_privately_and_belong_together(tmp_path: Path) -> None:
    path = tmp_path / "data"
    with DataDir.hold(path) as data:
        first = data.secrets(APPLICATION_SECRETS, {})
    with DataDir.hold(path) as data:
        second = data.secrets(APPLICATION_SECRETS, {})
    assert first == second
    assert first["FOLDBACK_SEAL_PUBLIC"] == seal_public_of(first["FOLDBACK_SEAL_PRIVATE"])
    assert (path / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o700


def test_a_secret_of_the_environment_goes_before_a_kept_one_and_is_not_written_down(tmp_path: Path) -> None:
    mine = new_secret("FOLDBACK_SEAL_PRIVATE")
    with DataDir.hold(tmp_path / "data") as data:
        found = data.secrets(APPLICATION_SECRETS, {"FOLDBACK_SEAL_PRIVATE": mine})
        assert found["FOLDBACK_SEAL_PUBLIC"] == seal_public_of(mine)
        assert mine not in (data.path / "secrets.env").read_text()


def test_a_broken_sealing_key_is_told_without_repeating_it(tmp_path: Path) -> None:
    with DataDir.hold(tmp_path / "data") as data, pytest.raises(CannotStart, match="not 32 bytes") as refusal:
        data.secrets(APPLICATION_SECRETS, {"FOLDBACK_SEAL_PRIVATE": "broken"})
    assert "broken" not in str(refusal.value)


def test_a_directory_is_held_by_one(tmp_path: Path) -> None:
    with DataDir.hold(tmp_path / "data"), pytest.raises(CannotStart, match="already runs"):
        DataDir.hold(tmp_path / "data")
    with DataDir.hold(tmp_path / "data"):
        pass


def test_a_path_that_can_not_be_a_directory_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match="DATA_DIR="):
        DataDir.hold(tmp_path / "file" / "data")


def test_a_port_is_the_same_next_time_unless_it_is_taken(tmp_path: Path) -> None:
    import socket

    with DataDir.hold(tmp_path / "data") as data:
        port = data.port("postgres")
        assert data.port("postgres") == port
        assert data.port("valkey") != port
        with socket.socket() as other:
            other.bind(("127.0.0.1", port))
            other.listen()
            assert data.port("postgres") != port


def test_starting_over_empties_our_directory(tmp_path: Path) -> None:
    with DataDir.hold(tmp_path / "data") as data:
        data.secrets(APPLICATION_SECRETS, {})
    reset(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == [".foldback"]


def test_starting_over_does_not_touch_a_directory_that_is_not_ours_or_in_use(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one").write_text("dear")
    with pytest.raises(CannotStart, match="left alone"):
        reset(tmp_path / "letters")
    assert (tmp_path / "letters" / "one").read_text() == "dear"
    with DataDir.hold(tmp_path / "data") as data:
        data.secrets(APPLICATION_SECRETS, {})
        with pytest.raises(CannotStart, match="already runs"):
            reset(tmp_path / "data")
        assert (data.path / "secrets.env").exists()


def test_starting_over_removes_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one").write_text("dear")
    with DataDir.hold(tmp_path / "data") as data:
        (data.path / "link").symlink_to(tmp_path / "letters")
    reset(tmp_path / "data")
    assert (tmp_path / "letters" / "one").read_text() == "dear"


def test_a_written_environment_reads_back_the_same_here_and_in_a_shell(tmp_path: Path) -> None:
    environment = {"A": "plain", "B": 'with space $HOME `x` \\ "quoted" # no comment', "C": "a=b="}
    write_env(tmp_path / "env", environment)
    assert read_env(tmp_path / "env") == environment
    script = f"set -a; . {tmp_path}/env; exec {sys.executable} -c 'import os; print(os.environ[\"B\"])'"
    assert (
        subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout.strip()
        == environment["B"]
    )


@pytest.mark.parametrize("value", ["it's", "two\nlines"])
def test_a_value_that_would_break_the_file_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="NAME holds"):
        write_env(tmp_path / "env", {"NAME": value})


def test_a_data_directory_keeps_its_name_when_it_is_moved_and_a_new_one_in_its_place_has_another(
    tmp_path: Path,
) -> None:
    with DataDir.hold(tmp_path / "data") as data:
        name = data.name
    (tmp_path / "data").rename(tmp_path / "moved")
    with DataDir.hold(tmp_path / "moved") as data:
        assert data.name == name
    with DataDir.hold(tmp_path / "data") as data:
        assert data.name != name
