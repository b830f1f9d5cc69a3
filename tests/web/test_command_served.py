"""`/cli`: the command, for anybody, byte for byte, with what proves that it arrived whole."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from tests.cli.command import COMMAND

pytestmark = pytest.mark.django_db


def test_anybody_can_download_the_command_and_check_it(tmp_path: Path) -> None:
    answer = Client().get("/cli")
    assert answer.status_code == 200
    assert answer.content == COMMAND.read_bytes()
    assert 'filename="foldback"' in answer.headers["Content-Disposition"]
    (tmp_path / "foldback").write_bytes(answer.content)
    listed = Client().get("/cli.sha256").content.decode()
    assert listed.split() == [hashlib.sha256(answer.content).hexdigest(), "foldback"]
    checked = subprocess.run(
        ["sha256sum", "--check"], input=listed, cwd=tmp_path, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
