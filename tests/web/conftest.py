from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.web.console import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module, whose tests run in one worker: it costs more to start than most of them."""
    with pytest.MonkeyPatch.context() as patch, chromium() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser's loop runs in this thread
        yield browser
