"""Keys that may sign in, from recorded answers."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.kinds.authorized_keys import AUTHORIZED_KEYS, keys_of
from tests.core.kind_cases import answer, cases, expected, meaning

FOLDER = "authorized_keys"


@pytest.mark.parametrize("case", cases(FOLDER))
def test_recorded_answers_mean_what_is_written_beside_them(case: str) -> None:
    assert meaning(AUTHORIZED_KEYS.parse(answer(FOLDER, case))) == expected(FOLDER, case, AUTHORIZED_KEYS)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_fingerprint_is_the_one_that_openssh_shows(tmp_path: Path, kind: str) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a b", "-f", str(key)], check=True)
    shown = subprocess.run(["ssh-keygen", "-lf", str(key)], check=True, capture_output=True, text=True).stdout
    keys, redacted = keys_of(key.with_suffix(".pub").read_text())
    assert keys == [f"{shown.split()[1]} a b"]
    assert redacted == 0


def test_no_key_is_kept_and_no_value_of_an_environment() -> None:
    listed = AUTHORIZED_KEYS.parse(answer(FOLDER, "openssh"))
    assert "AAAA" not in repr(listed) and "hunter2" not in repr(listed)
    assert listed.redacted == {"/home/ben/.ssh/authorized_keys": 3}


def test_whether_a_file_in_a_shut_directory_exists_is_not_known() -> None:
    listed = AUTHORIZED_KEYS.parse(answer(FOLDER, "denied"))
    assert listed.incomplete == "denied: /root/.ssh/authorized_keys and 1 more"
    assert "/root/.ssh/authorized_keys" not in listed.states


@given(st.binary(max_size=300))
def test_no_answer_makes_the_parser_raise(body: bytes) -> None:
    AUTHORIZED_KEYS.parse(body)
    AUTHORIZED_KEYS.parse(b"f/./root/.ssh/authorized_keys\0" + body + b"\0times/\0")


@given(st.text(alphabet='asr-h AAAA"\\=,\n', max_size=2000))
def test_no_text_makes_the_parser_raise(text: str) -> None:
    keys_of(text)
