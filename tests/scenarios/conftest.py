from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.models import LedgerEntry
from drift.models import HostScan, Occurrence
from tests.scenarios.stack import Stack


@pytest.fixture
def definition_path(tmp_path: Path, settings: Any) -> Path:
    settings.DEFINITION_PATH = tmp_path / "definition.git"
    return tmp_path / "definition.git"


@pytest.fixture
def stack(tmp_path: Path, definition_path: Path, transactional_db: None) -> Iterator[Stack]:
    with Stack(tmp_path) as stack:
        yield stack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a failed scenario's processes said, and what they left behind: it may not fail again for a long time."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and report.when == "call" and isinstance(stack, Stack):
        for log in sorted(stack.folder.glob("*.log")):
            report.sections.append((log.name, log.read_text(errors="replace")[-4_000:]))
        report.sections.append(("what was recorded last", "\n".join(_recorded())))
    return report


def _recorded() -> Iterator[str]:
    for entry in LedgerEntry.objects.order_by("-created_at")[:40]:
        yield f"{entry.created_at:%H:%M:%S.%f} {entry.action} {entry.subject_label} {str(entry.data)[:200]}"
    for look in HostScan.objects.order_by("-created_at").select_related("scan", "host")[:20]:
        yield f"{look.created_at:%H:%M:%S.%f} {look.scan} {look.host}: {look.status} {look.reason} {look.detail[:200]}"
    for occurrence in Occurrence.objects.filter(ended_at=None).select_related("finding", "host")[:40]:
        yield f"{occurrence.finding} on {occurrence.host}: {occurrence.verdict}, seen {occurrence.last_seen_at}"
