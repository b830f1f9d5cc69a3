"""What a Debian machine is configured with out of the box is no secret: it has to stay foldable."""

from pathlib import Path

import pytest

from deployments.core.redaction import is_secret_path, redact
from tests.hosts.image import Image

pytestmark = [pytest.mark.slow, pytest.mark.needs("debian-hosts")]


def test_nothing_that_debian_ships_is_taken_for_a_secret() -> None:
    root = Image().make()
    texts = dict(_texts(root, "etc", "usr/lib/systemd", "usr/lib/sysctl.d", "usr/lib/tmpfiles.d"))
    assert (
        len(texts) > 300 and {"/etc/nginx/nginx.conf", "/etc/ssh/sshd_config", "/etc/crontab"} <= texts.keys()
    )
    assert {path: redact(text).text for path, text in texts.items() if redact(text).count} == {}
    hidden = {path for path in texts if is_secret_path(path)}
    assert {
        path for path in hidden if "shadow" not in path and "ssh_host" not in path and "opasswd" not in path
    } == set()


def _texts(root: Path, *folders: str) -> list[tuple[str, str]]:
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                try:
                    found.append((f"/{path.relative_to(root)}", path.read_text()))
                except UnicodeDecodeError:
                    continue
    return found
