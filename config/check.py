"""python -m config.check [NAME…]: everything `make check` checks, each by name; all are run, then failures told.

None of it needs a database: what asks Django questions is given an address where nothing answers.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

COMMANDS: dict[str, tuple[str, ...]] = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "imports": ("lint-imports",),
    "types": ("mypy",),
    "system": ("python", "manage.py", "check", "--fail-level", "WARNING"),
    "migrations": ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
    "openapi": ("python", "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull),
    "lifecycles": ("python", "manage.py", "lifecycles", "--check"),
    "compose": ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"),
    "gitlab": ("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "docs/integrations/gitlab-ci.yml"),
    "github": (
        "check-jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        "docs/integrations/github-workflow.yml",
    ),
}

ADDRESS = re.compile(
    r"(?i)://|^\s*(-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host|--no-index)\b|(?:^|[\s=])[./~]\S*/"
)


def requirement_problems(name: str, text: str) -> list[str]:
    """What is wrong with a pinned requirements file: one line a problem, with its line number.

    Every package is pinned with `==` and has a SHA-256, and nothing says where packages come from.
    """
    problems = []
    logical = re.sub(r"\\\n", " " * 2, text)
    for number, line in enumerate(text.splitlines(), 1):
        if ADDRESS.search(line):
            problems.append(f"{name}:{number}: names a place that packages come from: {line.strip()}")
    for line in logical.splitlines():
        requirement = line.split(" #")[0].strip()
        if not requirement or requirement.startswith("#"):
            continue
        package = requirement.split()[0]
        if "==" not in package:
            problems.append(f"{name}: {package} is not pinned with ==")
        if "--hash=sha256:" not in requirement:
            problems.append(f"{name}: {package} has no --hash=sha256:")
    return problems


def disagreements(files: Mapping[str, str]) -> list[str]:
    """Packages that two of the files pin differently."""
    pins: dict[str, tuple[str, str]] = {}
    problems = []
    for name, text in files.items():
        for package, version in re.findall(r"(?m)^([A-Za-z0-9_.-]+)==(\S+)", text):
            first_version, first_name = pins.setdefault(package, (version, name))
            if first_version != version:
                problems.append(
                    f"{package} is {first_version} in {first_name} and {version} in {name}: make lock"
                )
    return problems


def check_requirements() -> list[str]:
    files = {path.name: path.read_text() for path in sorted(CHECKOUT.glob("requirements*.txt"))}
    return [
        problem for name, text in files.items() for problem in requirement_problems(name, text)
    ] + disagreements(files)


FUNCTIONS: dict[str, Callable[[], list[str]]] = {"requirements": check_requirements}


def check_environment() -> dict[str, str]:
    """Django's settings without a service: nothing listens on port 1 of this machine."""
    return os.environ | {
        "FOLDBACK_ENV": "test",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        # makemigrations would like to compare with a database, and says that it can't.
        "PYTHONWARNINGS": "ignore:Got an error checking a consistent migration history:RuntimeWarning",
    }


def run(name: str) -> str | None:
    """None when the check passes, else what it said."""
    if name in FUNCTIONS:
        return "\n".join(FUNCTIONS[name]()) or None
    program, *arguments = COMMANDS[name]
    done = subprocess.run(
        [str(BIN / program), *arguments],
        cwd=CHECKOUT,
        env=check_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode == 0:
        return None
    return (done.stdout + done.stderr).strip() or f"exit status {done.returncode}"


def main() -> int:
    names = sys.argv[1:] or [*FUNCTIONS, *COMMANDS]
    if unknown := [name for name in names if name not in FUNCTIONS and name not in COMMANDS]:
        print(
            f"There is no check {', '.join(unknown)}; there are {', '.join([*FUNCTIONS, *COMMANDS])}.",
            file=sys.stderr,
        )
        return 2
    failed = []
    for name in names:
        began = time.monotonic()
        problem = run(name)
        print(f"{'FAILED' if problem else 'ok    '} {name} ({time.monotonic() - began:.1f} s)", flush=True)
        if problem:
            failed.append(name)
            print("\n".join(f"    {line}" for line in problem.splitlines()), flush=True)
    if failed:
        print(f"{len(failed)} of {len(names)} checks failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
