"""What all tests share: the test database, and how a skip is told.

The test database is made and used by the owner role (its name comes from FOLDBACK_TEST_DATABASE, so that two
runs against the same server don't meet); `serving_connection` is a connection as the role that serves.
"""

import os
from collections.abc import Iterator
from typing import Any

import environ
import psycopg2
import pytest

from tests.entrance.launched import running_service  # noqa: F401
from tests.hosts.fixtures import (  # noqa: F401
    debian_hosts,
    debian_yard,
    mark_tests_on_real_hosts,
    real_fleet,
)
from tests.needs import NEEDS

REQUIRE_ALL = os.environ.get("REQUIRE_ALL", "") not in ("", "0")


# ---- needs and skips


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(name, …): what the machine must have, see tests/needs.py")


@pytest.hookimpl(optionalhook=True)  # without xdist there is nobody to ask it
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a third of the time, tests wait (for a host, a lease, a page)."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Any:
    mark_tests_on_real_hosts(items)  # before xdist groups them
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    result = yield
    # What takes long goes first, also before pytest-django's own order: nobody waits at the end for a last story.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    return result


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if reason := NEEDS[name]():
                pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    return _refused_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    report = yield
    return _refused_skip(report)


def _refused_skip(report: Any) -> Any:
    """REQUIRE_ALL=1: what can't be run here is a failure, not a skip."""
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        where_and_why = report.longrepr
        reason = where_and_why[2] if isinstance(where_and_why, tuple) else str(where_and_why)
        report.outcome = "failed"
        report.longrepr = f"REQUIRE_ALL is set, and this test was skipped: {reason}"
    return report


# ---- the test database


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[None]:
    """The owner makes the test database; each xdist worker has its own, a copy of one that is migrated once."""
    from django.db import connections

    from tests.template_database import drop_template, make_template

    settings = connections["default"].settings_dict
    if owner_url := os.environ.get("DATABASE_OWNER_URL"):
        owner = environ.Env.db_url_config(owner_url)
        settings.update(USER=owner["USER"], PASSWORD=owner["PASSWORD"])
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = os.environ.get("FOLDBACK_TEST_DATABASE") or f"test_{settings['NAME']}"
    settings["TEST"]["NAME"] = f"{name}_{worker}" if worker else name
    if not worker:
        yield
        return
    template, folder = f"{name}_template", tmp_path_factory.getbasetemp().parent
    settings["TEST"]["TEMPLATE"] = template
    with django_db_blocker.unblock():
        make_template(template, folder)
    yield
    with django_db_blocker.unblock():
        drop_template(template, folder)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """After a test that committed, the ledger is truncated; its trigger refuses that. It is put out of action by
    name, in the test database only, and only the one for TRUNCATE."""
    from django.db import connection
    from django.test import TransactionTestCase

    from tests.emptying import empty_database

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE common_ledgerentry DISABLE TRIGGER ledger_refuse_truncate")
    TransactionTestCase._fixture_teardown = lambda case: empty_database()


@pytest.fixture
def serving_connection(transactional_db: None) -> Iterator["psycopg2.extensions.connection"]:
    """The test database as the serving role sees it: what it may not do, fails."""
    from django.db import connection

    serving = environ.Env.db_url_config(os.environ["DATABASE_URL"])
    if serving["USER"] == connection.settings_dict["USER"]:
        pytest.skip("DATABASE_URL is the owner's: no serving role of its own to try")
    opened = psycopg2.connect(
        host=serving["HOST"],
        port=serving["PORT"] or None,
        user=serving["USER"],
        password=serving["PASSWORD"],
        dbname=connection.settings_dict["NAME"],
    )
    try:
        yield opened
    finally:
        opened.close()
