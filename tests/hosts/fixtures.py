"""Fixtures for tests on real hosts. A test that uses one is skipped where they can't run, and all such tests run
in one worker: booted together they would wait for each other's processors."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import pytest

from tests.hosts.image import CannotMake, Image
from tests.hosts.machine import Machine
from tests.hosts.machines import Yard, names

if TYPE_CHECKING:
    from tests.hosts.fleet import RealFleet

NEED = "debian-hosts"
FIXTURE = "debian_yard"


def mark_tests_on_real_hosts(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if FIXTURE in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.needs(NEED))
            item.add_marker(pytest.mark.xdist_group(NEED))


@pytest.fixture(scope="session")
def debian_yard() -> Iterator[Yard]:
    """Where hosts of this run are booted. Makes the image first, if there is none: about 45 seconds."""
    image = Image()
    try:
        image.make()
    except CannotMake as why:
        pytest.skip(f"no image of Debian: {why}")
    with Yard(image) as yard:
        yield yard


@pytest.fixture
def debian_hosts(debian_yard: Yard) -> Iterator[Callable[..., list[Machine]]]:
    """`debian_hosts(8)` or `debian_hosts("web-1", "db-1")`: new hosts, which end with the test."""
    booted: list[Machine] = []

    def boot(*asked: int | str) -> list[Machine]:
        wanted = [name for one in asked for name in (names(one) if isinstance(one, int) else [one])]
        booted.extend(made := debian_yard.boot(*wanted))
        return made

    yield boot
    # Nobody looks at them any more: a power cut costs a tenth of a shutdown.
    debian_yard.stop(*(machine for machine in booted if machine in debian_yard.machines), hard=True)


@pytest.fixture
def real_fleet(debian_yard: Yard, debian_hosts: Callable[..., list[Machine]]) -> "Callable[..., RealFleet]":
    """`real_fleet("web-1", "web-2")`: such hosts as a RealFleet, not yet known to Foldback."""

    def make(*asked: str, **options: object) -> "RealFleet":
        from tests.hosts.fleet import RealFleet  # needs Django's settings

        return RealFleet(debian_yard, debian_hosts(*asked), **options)  # type: ignore[arg-type]

    return make
