"""The same transport against OpenSSH's own server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.collector.protocol import Question
from deployments.core.states import ABSENT, Present, State, Unknown
from deployments.transport.base import TransportFailure
from deployments.transport.host_keys import fetch_host_keys
from drift.scanner import HostResult, Scan, Target, run, scan_targets
from tests.sshd import Sshd, running_sshd

pytestmark = pytest.mark.needs("sshd")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "etc").mkdir(parents=True)
    (root / "etc/motd").write_text("hello\n")
    return root


@pytest.fixture(params=["environment", "forced command"])
def sshd(request: pytest.FixtureRequest, tmp_path: Path, tree: Path) -> Iterator[Sshd]:
    """A server that gives its sessions the tree as their root, in both ways a real one might."""
    how = f"SetEnv FOLDBACK_ROOT={tree}"
    if request.param == "forced command":
        how = f"ForceCommand env FOLDBACK_ROOT={tree} sh -s"
    with running_sshd(tmp_path / "sshd", how) as server:
        yield server


def look(sshd: Sshd, question: Question, **options: object) -> HostResult:
    results: list[HostResult] = []

    def wanted(resource: str, state: State) -> bool:
        return True

    async def main() -> None:
        scan = Scan(lambda target: sshd.transport(**options), lambda: "n0123456789abcdef", lambda: 0.0)
        await scan_targets([Target("h1", question, wanted)], scan, on_result=results.append)

    run(main())
    return results[0]


def test_a_tree_behind_openssh_is_seen_as_it_is(sshd: Sshd) -> None:
    result = look(sshd, Question.of(["file:/etc/motd", "file:/etc/none"], ["/etc"]))
    assert (result.status, result.reason) == ("ok", None)
    assert isinstance(result.observation.states["file:/etc/motd"], Present)
    assert result.observation.states["file:/etc/none"] == ABSENT
    assert list(result.observation.contents.values()) == [b"hello\n"]


def test_its_keys_of_all_kinds_are_fetched_and_each_can_be_pinned_alone(sshd: Sshd) -> None:
    keys = run(fetch_host_keys("127.0.0.1", sshd.port))
    assert {key.public_key for key in keys} == set(sshd.host_keys)
    for key in keys:
        assert look(sshd, Question.of(["file:/etc/motd"]), host_keys=[key.public_key]).status == "ok"


def test_another_key_than_the_pinned_one_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    from demo.ssh_server import TreeHost

    other = TreeHost("x", "", 0, tmp_path, TreeHost.new_key()).public_key
    result = look(sshd, Question.of(["file:/etc/motd"]), host_keys=[other])
    assert result.status == "unknown"
    assert result.reason is not None
    assert result.reason.startswith("host key changed: it shows ssh-ed25519 SHA256:")
    assert isinstance(result.observation.states["file:/etc/motd"], Unknown)


def test_a_user_who_may_not_log_in_is_told(sshd: Sshd) -> None:
    result = look(sshd, Question.of(["file:/etc/motd"]), user="nobody-at-all")
    assert result.status == "unknown"
    assert result.observation.failure is not None
    assert result.observation.failure.startswith("authentication failed")


def test_limits_hold_against_openssh_too(tmp_path: Path) -> None:
    async def main(server: Sshd, timeout: float) -> TransportFailure:
        with pytest.raises(TransportFailure) as caught:
            async with server.transport().session() as session:
                await session.run("sh -s", b"", max_output=100_000, timeout=timeout)
        return caught.value

    with running_sshd(tmp_path / "flood", "ForceCommand cat /dev/zero") as server:
        assert run(main(server, 20.0)).code == "over limit"
    with running_sshd(tmp_path / "hang", "ForceCommand sleep 60") as server:
        assert run(main(server, 0.5)).code == "timed out"
