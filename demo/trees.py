"""A demonstration host is a directory tree: what its definition says, laid down, plus what nobody manages."""

import os
import shutil
from datetime import datetime
from pathlib import Path

from deployments.core.definition.model import DesiredManifest, DesiredResource
from deployments.core.states import Present

# Found on every machine, declared by nobody: a scan must pass them by.
UNMANAGED = {
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/nginx/mime.types": "types { text/html html; }\n",
    "var/log/shop/access.log": "",
}


def lay(root: Path, name: str, desired: DesiredManifest, *, at: datetime, secrets: dict[str, str]) -> None:
    """Make `root` what `desired` says, as if a push had run at `at`; other files stay."""
    for path, text in {**UNMANAGED, "etc/hostname": f"{name}\n"}.items():
        if not (root / path).exists():
            write(root / path, text, at=at)
    for resource in desired.resources.values():
        _lay_one(root, resource, at=at, secrets=secrets)


def _lay_one(root: Path, resource: DesiredResource, *, at: datetime, secrets: dict[str, str]) -> None:
    kind, _, path = resource.resource.partition(":")
    target = root / path.lstrip("/")
    if not isinstance(resource.state, Present):
        remove(target)
        return
    mode = int(resource.state.data.get("mode", "0755" if kind == "directory" else "0644"), 8)
    if kind == "directory":
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(mode)
    elif kind == "symlink":
        link(target, str(resource.state.data["target"]))
    else:
        text = secrets.get(path, "") if resource.how == "secret" else (resource.content or b"").decode()
        if resource.content is not None or not target.exists():
            write(target, text, at=at, mode=mode)


def write(path: Path, text: str, *, at: datetime, mode: int | None = None) -> None:
    """Like an editor: a new file moved into place, so that the old one is never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode is None:
        mode = path.stat().st_mode & 0o7777 if path.exists() and not path.is_symlink() else 0o644
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.chmod(mode)
    stamp = at.timestamp()
    os.utime(new, (stamp, stamp))
    new.replace(path)


def edit(path: Path, old: str, new: str, *, at: datetime) -> None:
    """Replace `old` by `new`, which must be there: a demonstration that silently does nothing would lie."""
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{path} does not hold {old!r}")
    write(path, text.replace(old, new), at=at)


def link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(path)
    path.symlink_to(target)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
