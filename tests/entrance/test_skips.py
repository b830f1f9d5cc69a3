"""A skip is listed by name with its reason, and REQUIRE_ALL=1 makes it a failure."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.entrance.launched import clean_environment

CHECKOUT = Path(__file__).resolve().parents[2]
CASES = """
import pytest
from tests.needs import NEEDS
NEEDS["the-moon"] = lambda: "no moon on this machine"

@pytest.mark.needs("the-moon")
def test_that_needs_the_moon(): raise AssertionError("must not run")
def test_that_skips_itself(): pytest.skip("not today")
@pytest.mark.xfail(reason="known", strict=True)
def test_that_is_known_to_fail(): raise AssertionError
def test_that_passes(): pass
"""
WHOLE_MODULE = "import pytest\npytest.importorskip('no_such_module_anywhere')\ndef test_hidden(): pass\n"


def run(tmp_path: Path, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "test_case.py").write_text(text)
    options = (
        "-p",
        "no:django",
        "-p",
        "no:cacheprovider",
        "-p",
        "tests.conftest",
        "--rootdir",
        str(tmp_path),
    )
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            *options,
            "-c",
            "/dev/null",
            "-ra",
            "--no-fold-skipped",
            str(tmp_path),
        ],
        cwd=CHECKOUT,
        env=clean_environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", **environment),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_skip_is_listed_by_name_with_its_reason(tmp_path: Path) -> None:
    done = run(tmp_path, CASES)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 2 skipped, 1 xfailed" in done.stdout
    assert "test_that_needs_the_moon - Skipped: no moon on this machine" in done.stdout
    assert "test_that_skips_itself - Skipped: not today" in done.stdout


def test_required_in_full_a_skip_is_a_failure_and_a_known_failure_is_not(tmp_path: Path) -> None:
    done = run(tmp_path, CASES, REQUIRE_ALL="1")
    assert done.returncode == 1
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in done.stdout
    assert "no moon on this machine" in done.stdout


@pytest.mark.parametrize(("value", "status"), [("", 5), ("1", 2)])
def test_a_module_that_skips_itself_counts_too(value: str, status: int, tmp_path: Path) -> None:
    done = run(tmp_path, WHOLE_MODULE, REQUIRE_ALL=value)
    assert done.returncode == status, done.stdout
    assert "no_such_module_anywhere" in done.stdout


def test_the_projects_configuration_lists_skips_by_name() -> None:
    import tomllib

    options = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"][
        "addopts"
    ]
    assert "-ra" in options and "--no-fold-skipped" in options
