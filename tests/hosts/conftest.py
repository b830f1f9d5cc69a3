"""What tests of the collector share; the fixtures of real hosts are in tests/conftest.py, for all folders."""

from tests.hosts.userlands import busybox_path, tree, userland

__all__ = ["busybox_path", "tree", "userland"]
