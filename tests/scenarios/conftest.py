from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.stack import Stack


@pytest.fixture
def definition_path(tmp_path: Path, settings: Any) -> Path:
    settings.DEFINITION_PATH = tmp_path / "definition.git"
    return tmp_path / "definition.git"


@pytest.fixture
def stack(tmp_path: Path, definition_path: Path, transactional_db: None) -> Iterator[Stack]:
    with Stack(tmp_path) as stack:
        yield stack
