"""One database that is migrated once for a run; each worker's own is a copy of it, which costs a tenth of migrating.

The first worker that needs it makes it, the others wait for that; the first that ends drops it. `folder` is for all
workers of one run.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection


def make_template(name: str, folder: Path) -> None:
    with _alone(folder) as made:
        if not made.exists():
            test: dict[str, Any] = connection.settings_dict["TEST"]
            before = connection.settings_dict["NAME"], test["NAME"], test["TEMPLATE"]
            test["NAME"], test["TEMPLATE"] = name, None
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            connection.close()  # what somebody is connected to can't be copied
            connection.settings_dict["NAME"], test["NAME"], test["TEMPLATE"] = before
            made.touch()


def drop_template(name: str, folder: Path) -> None:
    with _alone(folder) as made:
        if made.exists():
            made.unlink()
            with connection.creation._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {connection.ops.quote_name(name)}")


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The file that says that the database is made, for nobody else meanwhile."""
    with (folder / "template-database.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield folder / "template-database"
