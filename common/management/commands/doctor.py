"""`manage.py doctor`: what is missing or wrong, one line a thing, with the mend. Exit status 1 when something is wrong."""

import os
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pygit2
import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from common import clock
from common.core.environment import Diagnosis, diagnose_environment, told
from common.models.grants import INSERT_ONLY_TABLES
from common.queries.processes import alive

OLDEST_POSTGRESQL = 15


class Command(BaseCommand):
    help = "Explains what is missing or wrong, one line a thing, with the mend."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--only", action="append", choices=list(SECTIONS), help="just this; may be repeated"
        )

    def handle(self, *args: Any, only: list[str] | None, **options: Any) -> None:
        wrong = 0
        for name in only or SECTIONS:
            for diagnosis in SECTIONS[name]():
                wrong += diagnosis.level == "wrong"
                self.stdout.write(told(diagnosis))
        if wrong:
            raise CommandError(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.")


def _python() -> Iterator[Diagnosis]:
    text = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    yield Diagnosis("ok", "Python", f"is {text}")


def _environment() -> Iterator[Diagnosis]:
    yield from diagnose_environment(os.environ)


def _database() -> Iterator[Diagnosis]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_user, current_setting('server_version_num')::int / 10000, "
                "current_setting('server_version'), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            )
            role, major, version, superuser = cursor.fetchone()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        mend = "start it, or correct DATABASE_URL (host, port, role, password)"
        yield Diagnosis("wrong", "database", f"does not answer: {reason}", mend)
        return
    yield Diagnosis("ok", "database", f"answers: PostgreSQL {version} as {role}")
    if major < OLDEST_POSTGRESQL:
        yield Diagnosis(
            "wrong", "database", f"is PostgreSQL {major}", f"upgrade to {OLDEST_POSTGRESQL} or newer"
        )
    if superuser:
        yield Diagnosis(
            "wrong", "database role", f"{role} is a superuser", "serve as a role that owns nothing"
        )
    yield from _rights(role)


def _rights(role: str) -> Iterator[Diagnosis]:
    """The role that serves can't rewrite the ledger; and it can do its work."""
    with connection.cursor() as cursor:
        for table in INSERT_ONLY_TABLES:
            cursor.execute("SELECT to_regclass(%s)", [table])
            if cursor.fetchone()[0] is None:
                continue  # _migrations tells
            cursor.execute("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = %s::regclass", [table])
            if cursor.fetchone()[0] == role:
                mend = "serve as another role: migrate with the owner's URL and DATABASE_SERVING_ROLE set to that role"
                yield Diagnosis(
                    "wrong", "database role", f"{role} owns {table}, so it could rewrite it", mend
                )
                continue
            cursor.execute(
                "SELECT has_table_privilege(%s, 'SELECT') AND has_table_privilege(%s, 'INSERT'), "
                "has_table_privilege(%s, 'UPDATE, DELETE, TRUNCATE')",
                [table] * 3,
            )
            can_write, can_rewrite = cursor.fetchone()
            mend = f"run `manage.py migrate` with the owner's URL and DATABASE_SERVING_ROLE={role}"
            if can_rewrite:
                yield Diagnosis(
                    "wrong", "database role", f"{role} may change or delete rows of {table}", mend
                )
            elif not can_write:
                yield Diagnosis(
                    "wrong", "database role", f"{role} may not read and insert into {table}", mend
                )
            else:
                yield Diagnosis("ok", "database role", f"{role} may insert into {table}, and not rewrite it")
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled <> 'D'",
                [table],
            )
            if cursor.fetchone()[0] < 3:
                mend = f"as the owner: ALTER TABLE {table} ENABLE TRIGGER ALL; and find out who disabled them"
                yield Diagnosis("wrong", "ledger", f"triggers of {table} are missing or disabled", mend)


def _migrations() -> Iterator[Diagnosis]:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        yield Diagnosis("wrong", "migrations", "can't be read", "see the database's line")
        return
    if waiting:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in waiting[:3])
        more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
        mend = "run `manage.py migrate` with DATABASE_URL set to the owner's URL"
        yield Diagnosis("wrong", "migrations", f"are not all applied: {names}{more}", mend)
    else:
        yield Diagnosis("ok", "migrations", "are all applied")


def _redis() -> Iterator[Diagnosis]:
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3).ping()
    except (redis.RedisError, ValueError) as error:
        mend = "start it, or correct REDIS_URL; until then changes are logged and other work waits, and none is lost"
        yield Diagnosis("wrong", "redis", f"does not answer: {error}", mend)
    else:
        yield Diagnosis("ok", "redis", "answers")


def _definition() -> Iterator[Diagnosis]:
    path = settings.DEFINITION_PATH
    source = settings.DEFINITION_URL or "a repository of its own"
    try:
        main = pygit2.Repository(str(path)).lookup_reference("refs/heads/main").target
    except pygit2.GitError:
        mend = "it is made at the first start; check DEFINITION_PATH and the rights on DATA_DIR"
        yield Diagnosis("wrong", "definition", f"is not a repository: {path}", mend)
    except KeyError:
        mend = f"its first revision comes from {source}"
        yield Diagnosis("note", "definition", f"has no main branch yet: {path}", mend)
    else:
        yield Diagnosis("ok", "definition", f"is at {str(main)[:12]} in {path}")


def _processes() -> Iterator[Diagnosis]:
    """Never wrong: the doctor is asked before anything is started, too."""
    mends = {
        "worker": "start one: celery --app=config worker",
        "relay": "start it: manage.py relay",
        "beat": "start it: celery --app=config beat",
    }
    try:
        found = alive(clock.now())
    except DatabaseError:
        yield Diagnosis("note", "processes", "can't be told", "see the lines of database and migrations")
        return
    for one in found:
        if one.missed:
            yield Diagnosis("note", one.process, f"is not alive; {one.missed}", mends[one.process])
        else:
            number = f"{one.count} processes" if one.count > 1 else "one process"
            yield Diagnosis("ok", one.process, f"is alive: {number}")


def _folders() -> Iterator[Diagnosis]:
    data = Path(settings.DATA_DIR)
    if not data.is_dir() or not os.access(data, os.W_OK | os.X_OK):
        yield Diagnosis(
            "wrong", "DATA_DIR", f"can't be written to: {data}", "make it, and give it to this user"
        )
    else:
        yield Diagnosis("ok", "DATA_DIR", f"is {data}")
    if settings.PRODUCTION and not any(Path(settings.STATIC_ROOT).glob("*")):
        yield Diagnosis(
            "wrong", "static files", "are not collected", "run `manage.py collectstatic --noinput`"
        )


def _tests() -> Iterator[Diagnosis]:
    """What only the test suite needs, so never wrong."""
    for program, package in (("chromium", "chromium"), ("sshd", "openssh-server")):
        if shutil.which(program) or Path("/usr/sbin", program).exists():
            yield Diagnosis("ok", program, "is there, for the tests")
        else:
            yield Diagnosis("note", program, "is not there; only tests use it", f"apt install {package}")


SECTIONS: dict[str, Callable[[], Iterator[Diagnosis]]] = {
    "python": _python,
    "environment": _environment,
    "folders": _folders,
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "processes": _processes,
    "definition": _definition,
    "tests": _tests,
}
