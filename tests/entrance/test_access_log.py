"""The access log names no secret that stands in an address after the `?`."""

import runpy
from datetime import timedelta
from types import SimpleNamespace

from gunicorn.config import Config
from gunicorn.glogging import Logger

from tests.docs.markdown import CHECKOUT

SETTINGS = CHECKOUT / "gunicorn.conf.py"


def test_the_token_of_a_calendar_feed_is_not_logged() -> None:
    logger = Logger(Config())
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/calendar.ics", "QUERY_STRING": "token=fbcal_1_secret",
        "RAW_URI": "/api/v1/calendar.ics?token=fbcal_1_secret", "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": "https://foldback.example/?token=fbcal_1_secret",
    }  # fmt: skip
    response = SimpleNamespace(status="200 OK", sent=10, headers=[])
    atoms = logger.atoms(response, SimpleNamespace(headers=[]), environ, timedelta(seconds=1))
    line = runpy.run_path(str(SETTINGS))["access_log_format"] % logger.atoms_wrapper_class(atoms)
    assert "GET /api/v1/calendar.ics HTTP/1.1" in line and "secret" not in line


def test_the_image_has_the_same_settings() -> None:
    assert f"!{SETTINGS.name}" in (CHECKOUT / ".dockerignore").read_text().splitlines()
