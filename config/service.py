"""One running service: engines, environment, migrations, programs; started in order, stopped whole."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql

from config.data_dir import CannotStart, DataDir, write_env
from config.engines import (
    DATABASE,
    OWNER_ROLE,
    SERVING_ROLE,
    EngineProgram,
    Engines,
    orphaned_homes,
)
from config.keys import APPLICATION_SECRETS, ENGINE_SECRETS
from config.supervise import (
    CHECKOUT,
    AppProgram,
    Supervisor,
    adopt_orphans,
    end_children,
    python,
    service_programs,
)

ENGINE_SECONDS = 60.0
READY_SECONDS = 90.0
WORKER_READY = " ready."


class Service:
    """`with Service(data) as service:`; leaving the block stops everything."""

    def __init__(
        self,
        data: DataDir,
        *,
        tests: bool = False,
        temporary: bool = False,
        say: Callable[[str], None] = print,
    ) -> None:
        self.data = data
        self.tests = tests
        self.temporary = temporary
        self.say = say
        self.environment: dict[str, str] = {}
        self._engine_programs: list[EngineProgram] = []
        self._engines: Engines | None = None
        self._superuser: str | None = None
        self._engine_secrets: dict[str, str] = {}
        self._supervisor: Supervisor | None = None

    def __enter__(self) -> "Service":
        adopt_orphans()
        return self

    def __exit__(self, *_: object) -> None:
        if self._supervisor:
            self._supervisor.stop()
        end_children()
        if self._engines and self.temporary:
            self._engines.remove()

    def start_engines(self) -> None:
        """Prepares the engines that the environment doesn't already name, and the environment of the service."""
        given = {name: value for name, value in os.environ.items() if value}
        environment = given | self.data.secrets(APPLICATION_SECRETS, given)
        environment["DATA_DIR"] = str(self.data.path)
        environment.setdefault("FOLDBACK_ENV", "test" if self.tests else "production")
        if not (given.get("DATABASE_URL") and given.get("REDIS_URL")):
            self._engines = Engines(self.data, tests=self.tests, temporary=self.temporary)
            self._engine_secrets = self.data.secrets(ENGINE_SECRETS, {})
        words = self._engine_secrets
        if self._engines and not given.get("DATABASE_URL"):
            self.say("Preparing PostgreSQL …")
            for home, origin in [] if self.tests else orphaned_homes():
                self.say(
                    f"Note: {home} belonged to {origin}, which is gone. If that was removed, so can this be."
                )
            port = self.data.port("postgres")
            self._engine_programs.append(
                self._engines.postgres(port=port, password=words["POSTGRES_PASSWORD"])
            )

            def url(role: str, word: str, database: str) -> str:
                return f"postgresql://{role}:{words[word]}@127.0.0.1:{port}/{database}"

            self._superuser = url("postgres", "POSTGRES_PASSWORD", "postgres")
            environment["DATABASE_URL"] = url(SERVING_ROLE, "SERVING_PASSWORD", DATABASE)
            environment["DATABASE_OWNER_URL"] = url(OWNER_ROLE, "OWNER_PASSWORD", DATABASE)
            environment["DATABASE_SERVING_ROLE"] = SERVING_ROLE
        if self._engines and not given.get("REDIS_URL"):
            port, word = self.data.port("valkey"), words["VALKEY_PASSWORD"]
            self._engine_programs.append(self._engines.valkey(port=port, password=word))
            environment["REDIS_URL"] = f"redis://:{word}@127.0.0.1:{port}/0"
        environment.setdefault("DATABASE_OWNER_URL", environment["DATABASE_URL"])
        serving, owner = (
            urlsplit(environment[name]).username for name in ("DATABASE_URL", "DATABASE_OWNER_URL")
        )
        environment.setdefault("DATABASE_SERVING_ROLE", serving or "" if serving != owner else "")
        self.environment = environment

    def start_programs(self, *, host: str, port: int, fleet: bool) -> None:
        """The supervisor with everything; only the engines run before `let_go`."""
        self.environment.setdefault("FOLDBACK_URL", f"http://localhost:{port}")
        self.environment.setdefault("FOLDBACK_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
        self.start_supervisor(service_programs(host=host, port=port, data=self.data, fleet=fleet))

    def start_supervisor(self, apps: list[AppProgram] | None = None) -> None:
        self._supervisor = Supervisor(self.data, self.environment)
        if self._engine_programs or apps:
            self._supervisor.start(self._engine_programs, apps or [])
        write_env(self.data.path / "service.env", self._said_environment())

    def _said_environment(self) -> dict[str, str]:
        """What a person's shell needs to act on this service."""
        ours = ("FOLDBACK_", "DATABASE_", "REDIS_", "DEFINITION_", "DATA_DIR")
        return {name: value for name, value in self.environment.items() if name.startswith(ours)}

    def wait_for_engines(self) -> None:
        """Until PostgreSQL answers; then makes roles and database."""
        if self._superuser is None:
            return
        connection = self._connect(self._superuser)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                _ensure_roles_and_database(cursor, self._engine_secrets, may_create_databases=self.tests)
        finally:
            connection.close()

    def _connect(self, url: str) -> "psycopg2.extensions.connection":
        deadline = time.monotonic() + ENGINE_SECONDS
        while True:
            try:
                return psycopg2.connect(url, connect_timeout=5)
            except psycopg2.OperationalError as error:
                if "password authentication failed" in str(error):
                    raise CannotStart(
                        f"PostgreSQL refuses the password in {self.data.path / 'secrets.env'}: put back the file that "
                        "belongs to this database, or start over with another DATA_DIR."
                    ) from error
                if time.monotonic() > deadline or not self._alive():
                    raise CannotStart(
                        f"PostgreSQL did not answer: {str(error).strip()}\n{self._tail('postgres')}"
                    ) from error
                time.sleep(0.05)

    def prepare_database(self) -> None:
        """Roles, migrations (as the owner) and static files."""
        self.wait_for_engines()
        self.say("Migrating the database …")
        self.manage(
            "migrate", "--noinput", environment={"DATABASE_URL": self.environment["DATABASE_OWNER_URL"]}
        )
        self.manage("collectstatic", "--noinput")

    def manage(self, *arguments: str, quiet: bool = True, environment: dict[str, str] | None = None) -> None:
        """A management command; its output is shown when it fails, or unless `quiet`."""
        done = subprocess.run(
            python("manage.py", *arguments),
            cwd=CHECKOUT,
            env=self.environment | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
        )
        if done.returncode != 0:
            raise CannotStart(f"manage.py {' '.join(arguments)} failed.\n{done.stdout or ''}".rstrip())

    def let_go(self, *, host: str, port: int) -> None:
        """Starts the programs, and waits until the service says that it is ready."""
        assert self._supervisor is not None
        self.say("Starting the service …")
        said_before = self._supervisor.log_size("worker")
        self._supervisor.let_go()
        address = "127.0.0.1" if host in ("0.0.0.0", "::") else host
        deadline = time.monotonic() + READY_SECONDS
        while (problem := _not_ready(f"http://{address}:{port}/readyz")) is not None:
            if time.monotonic() > deadline or not self._alive():
                raise CannotStart(f"The service is not ready: {problem}\n{self._tail('web')}")
            time.sleep(0.1)
        # A service whose workers die again and again serves pages, and does nothing that people ask of it.
        while not self._supervisor.has_said("worker", WORKER_READY, since=said_before):
            if time.monotonic() > deadline or not self._alive():
                raise CannotStart(f"The worker does not start:\n{self._tail('worker')}")
            time.sleep(0.1)

    def wait(self) -> None:
        """Until a signal comes (as an exception), or the supervisor dies."""
        while self._alive():
            time.sleep(0.5)
        raise CannotStart(
            "The supervisor ended, and everything with it. Start again; if it stays, see its log."
        )

    def _alive(self) -> bool:
        return self._supervisor is not None and (self._supervisor.alive() or not self._engine_programs)

    def _tail(self, name: str) -> str:
        return self._supervisor.tail(name) if self._supervisor else ""


def _not_ready(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return None
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read(2000).decode(errors='replace')}"
    except OSError as error:
        return str(error)


def _ensure_roles_and_database(
    cursor: "psycopg2.extensions.cursor", words: dict[str, str], *, may_create_databases: bool
) -> None:
    """Two roles from the start: the owner migrates, the other serves. Idempotent."""
    for role, word in ((OWNER_ROLE, "OWNER_PASSWORD"), (SERVING_ROLE, "SERVING_PASSWORD")):
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        verb = "ALTER" if cursor.fetchone() else "CREATE"
        right = "CREATEDB" if may_create_databases and role == OWNER_ROLE else "NOCREATEDB"
        statement = sql.SQL(f"{verb} ROLE {{}} LOGIN NOSUPERUSER NOCREATEROLE {right} PASSWORD {{}}")
        cursor.execute(statement.format(sql.Identifier(role), sql.Literal(words[word])))
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
    if not cursor.fetchone():
        cursor.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
            )
        )
