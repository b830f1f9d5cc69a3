"""A definition's files from a directory, as they would be in a commit."""

import os
from pathlib import Path

from deployments.core.definition.model import DefinitionError, Problem

MAX_FILE_BYTES = 16 * 1024 * 1024


def read_directory(directory: str | Path) -> dict[str, bytes]:
    """Path → content of every file below `directory`, but for Git's own. Raises NotADirectoryError, and
    DefinitionError for what can't be in a definition (symbolic links, devices, files over 16 MiB)."""
    root = Path(directory)
    if not root.is_dir():
        raise NotADirectoryError(f"{directory} is not a directory")
    files: dict[str, bytes] = {}
    problems: list[Problem] = []
    for parent, directories, names in os.walk(root):
        directories[:] = sorted(name for name in directories if name != ".git")
        links = [name for name in directories if (Path(parent) / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(parent) / name
            shown = path.relative_to(root).as_posix()
            if path.is_symlink() or not path.is_file():
                message = "this is a symbolic link or a device; only plain files are read."
                problems.append(Problem(shown, None, message, "Put the file itself here."))
            elif path.stat().st_size > MAX_FILE_BYTES:
                problems.append(
                    Problem(shown, None, "the file is larger than 16 MiB.", "Keep large files in packages.")
                )
            elif name != ".git":
                files[shown] = path.read_bytes()
    if problems:
        raise DefinitionError(tuple(problems))
    return files
