"""Which way to a host is taken, and which is refused."""

from uuid import UUID

import pytest

from deployments.transport.base import TransportFailure
from deployments.transport.choose import Ways
from deployments.transport.local import LocalTransport
from inventory.core.connection import HostConnection


def local(root: str) -> HostConnection:
    return HostConnection(UUID(int=0), "image", "local", "image", 22, "", root, None)


@pytest.mark.parametrize("root", ["/srv/images", "/srv/images/web", "/srv/images/../images/web"])
def test_a_local_root_below_an_allowed_folder_is_taken(root: str) -> None:
    assert isinstance(Ways({}, local_roots=["/srv/images"]).to(local(root)), LocalTransport)


@pytest.mark.parametrize("root", ["/", "/etc", "/srv", "/srv/images-of-others", "/srv/images/../../etc"])
def test_any_other_local_root_is_refused_with_what_to_do(root: str) -> None:
    with pytest.raises(TransportFailure, match="FOLDBACK_LOCAL_ROOTS"):
        Ways({}, local_roots=["/srv/images"]).to(local(root))


def test_no_local_root_is_allowed_unless_named() -> None:
    with pytest.raises(TransportFailure):
        Ways({}).to(local("/srv/images"))
