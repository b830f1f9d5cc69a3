"""A directory as a host: the same collector, the same limits."""

import asyncio
import time
from pathlib import Path

import pytest

from deployments.collector.wire import Ask, program_input, split_answer
from deployments.transport.base import Answer, TransportFailure
from deployments.transport.local import LocalTransport
from tests.ssh_hosts import has_ended

NONCE = "n0123456789abcdef"


def answer(root: Path, program: bytes, *, max_output: int = 100_000, timeout: float = 10.0) -> Answer:
    async def main() -> Answer:
        async with LocalTransport(root).session() as session:
            return await session.run("sh -s", program, max_output=max_output, timeout=timeout)

    return asyncio.run(main())


def test_the_collector_looks_at_the_directory_and_not_at_this_machine(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/motd").write_text("hi")
    got = answer(tmp_path, program_input(NONCE, [Ask("list", ("./etc/motd", "./etc/passwd"))]))
    body = split_answer(got.stdout, NONCE, 1).replies[0].body
    assert b"./etc/motd\0" in body
    assert b"a/./etc/passwd\0" in body


def test_nothing_of_our_environment_is_given_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDBACK_SECRET", "hunter2")
    assert b"hunter2" not in answer(tmp_path, b"env\n").stdout


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TransportFailure, match="root missing"):
        answer(tmp_path / "none", b"")


def test_a_flood_is_cut_at_the_byte_limit_and_its_process_killed(tmp_path: Path) -> None:
    with pytest.raises(TransportFailure) as caught:
        answer(
            tmp_path, b"echo $$; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n", max_output=100_000
        )
    assert caught.value.code == "over limit"
    assert len(caught.value.output) == 100_000
    assert has_ended(int(caught.value.output.split()[0]))


def test_a_program_that_hangs_is_killed_with_its_children_at_the_time_limit(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TransportFailure) as caught:
        answer(tmp_path, b"sleep 300 & echo $!; wait\n", timeout=0.5)
    assert caught.value.code == "timed out"
    assert time.monotonic() - started < 5
    assert has_ended(int(caught.value.output))


def test_errors_and_status_are_told(tmp_path: Path) -> None:
    got = answer(tmp_path, b"echo oops >&2; exit 3\n")
    assert (got.stdout, got.stderr, got.exit_status) == (b"", b"oops\n", 3)


def test_a_shell_that_is_not_there_is_a_missing_tool(tmp_path: Path) -> None:
    async def main() -> None:
        async with LocalTransport(tmp_path, shell=("/no/such/sh", "-s")).session() as session:
            await session.run("sh -s", b"", max_output=10, timeout=1)

    with pytest.raises(TransportFailure, match="tool missing: /no/such/sh"):
        asyncio.run(main())


def test_only_the_collectors_command_is_known(tmp_path: Path) -> None:
    async def main() -> None:
        async with LocalTransport(tmp_path).session() as session:
            await session.run("rm -rf /", b"", max_output=10, timeout=1)

    with pytest.raises(TransportFailure, match="not supported"):
        asyncio.run(main())
