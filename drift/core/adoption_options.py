"""What a person asks of an adoption, checked: roots and options, to and from JSON."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from common.core.errors import FieldError, Invalid
from deployments.core.definition.checks import absolute_path
from deployments.core.definition.sections import SECTIONS
from drift.core.adoption import AUTO, NONE, PATH_SECTIONS, Options
from drift.core.adoption_paths import DEFAULT_ROOTS

MOST_ROOTS = 20
MOST_HOSTS = 500
_NOT_FILES = ("/proc", "/sys", "/dev", "/run")
_NOT_CHOSEN = ("directories", "symlinks", "ports", "firewall", "containers")
ADOPTABLE = tuple(name for name in SECTIONS if name not in _NOT_CHOSEN)
"""Sections by which one chooses; "files" means directories and symbolic links too."""


def clean_roots(roots: Sequence[str] | None) -> list[str]:
    """The directories to look through, in their shortest form; the default where none is named."""
    found = list(dict.fromkeys(posixpath.normpath(root.strip()) for root in roots or () if root.strip()))
    if not found:
        return list(DEFAULT_ROOTS)
    if len(found) > MOST_ROOTS:
        raise _invalid("roots", f"{len(found)} are too many; {MOST_ROOTS} at most")
    for number, root in enumerate(found):
        if fault := absolute_path(root):
            raise _invalid(f"roots/{number}", f"{fault.message} {fault.remedy}")
        if root == "/" or any(root == bad or root.startswith(f"{bad}/") for bad in _NOT_FILES):
            raise _invalid(
                f"roots/{number}", f"{root} is not a directory that people manage; name one, as in /etc"
            )
    return found


def clean_options(given: Mapping[str, Any]) -> Options:
    """Raises Invalid, pointing at the field."""
    sections = tuple(given.get("sections") or ADOPTABLE)
    if wrong := [name for name in sections if name not in SECTIONS]:
        raise _invalid("sections", f"{wrong[0][:40]!r} is not a section; there are {', '.join(ADOPTABLE)}")
    if set(sections) & set(PATH_SECTIONS):
        sections = tuple(dict.fromkeys((*sections, *PATH_SECTIONS)))
    exhaustive = given.get("exhaustive", AUTO)
    if isinstance(exhaustive, str):
        if exhaustive not in (AUTO, NONE):
            raise _invalid("exhaustive", f'write "{AUTO}", "{NONE}" or a list of directories')
    elif not isinstance(exhaustive, list | tuple):
        raise _invalid("exhaustive", f'write "{AUTO}", "{NONE}" or a list of directories')
    else:
        exhaustive = tuple(posixpath.normpath(str(path)) for path in exhaustive)
        if fault := next((fault for path in exhaustive if (fault := absolute_path(path))), None):
            raise _invalid("exhaustive", f"{fault.message} {fault.remedy}")
    return Options(
        sections=sections,
        versions=bool(given.get("versions", True)),
        shipped=bool(given.get("shipped", False)),
        exhaustive=exhaustive,
        others=bool(given.get("others", False)),
    )


def options_to_json(options: Options) -> dict[str, Any]:
    exhaustive = options.exhaustive if isinstance(options.exhaustive, str) else list(options.exhaustive)
    sections = [name for name in options.sections if name in ADOPTABLE]
    return {
        "sections": sections,
        "versions": options.versions,
        "shipped": options.shipped,
        "exhaustive": exhaustive,
        "others": options.others,
    }


def _invalid(field: str, detail: str) -> Invalid:
    return Invalid(f"/{field}: {detail}.", errors=[FieldError(f"/{field}", detail)])
