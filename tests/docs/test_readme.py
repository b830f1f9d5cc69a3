"""The README's commands work as they stand there, and print what it shows."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.data_dir import free_port
from config.engines import remove_home
from demo.ssh_server import TreeHost, TreeServer
from tests.docs.readme import Shell, Step, missing, steps
from tests.entrance.launched import Launched

EXPORT = re.compile(r"^\s*export (\w+)=(\S+)$", re.MULTILINE)


@contextmanager
def service(mode: str, folder: Path, *, ready: str) -> Iterator[Launched]:
    launched = Launched(mode, directory=folder, PORT=str(free_port()))
    try:
        launched.wait_for(ready, seconds=240)
        yield launched
    finally:
        launched.end()
        remove_home(launched.data)


@pytest.mark.slow
@pytest.mark.xdist_group("launch")
@pytest.mark.needs("curl")
def test_the_walk_with_curl_folds_the_fix_back_and_proves_it(tmp_path: Path) -> None:
    with service("demo", tmp_path, ready="Ctrl-C stops everything") as demo:
        exported = dict(EXPORT.findall(demo.said()))
        assert set(exported) == {"FOLDBACK_URL", "ANA", "BEN"}, demo.said()
        shell = Shell(tmp_path / "reader", **exported)
        try:
            for step in steps("walk"):
                shell.follow(step)
            reference = shell.run('echo "$FINDING"').strip()
        finally:
            shell.close()
        client = api(exported["FOLDBACK_URL"], exported["ANA"])
        finding = client.get(f"findings/{reference}/").json()
        assert finding["state"] == "proven"
        assert finding["hosts"]["proven"] == finding["hosts"]["total"] == 7
        head = client.get("definition/revisions/head/").json()
        assert (head["author"]["name"], head["files"][0]["path"]) == (
            "Ana Ruiz",
            "roles/web/templates/nginx.conf.j2",
        )
        assert client.get("changes/?title__contains=Restarted").json()["results"][0]["hosts"] == ["web-3"]


@pytest.mark.slow
@pytest.mark.xdist_group("launch")
@pytest.mark.needs("curl", "ssh-keygen")
def test_the_steps_for_ones_own_hosts_lead_to_a_first_scan(
    running_service: Callable[[], Launched], tmp_path: Path
) -> None:
    """Two trees behind a real SSH server stand for the hosts; only their addresses differ from the README's."""
    trees = {name: tree(tmp_path, name) for name in ("web-1", "web-2")}
    (trees["web-1"].root / "etc/motd").write_text("Authorised use only\n")
    (trees["web-2"].root / "etc/motd").write_text("Be quick\n")
    for host in trees.values():
        (host.root / "etc/motd").chmod(0o644)
    folder = tmp_path / "reader"
    folder.mkdir()
    up = running_service()
    (folder / "var").symlink_to(up.data)
    shell = Shell(folder, DATA_DIR=str(up.data))
    try:
        url = re.search(r"Foldback is at (\S+)/ after", up.said())
        assert url is not None
        helpers, start, account, *rest = [*steps("walk")[:1], *steps("real")]
        shell.follow(helpers)
        shell.follow(with_url(start, url[1]))
        token = shell.run('echo "$CY"').strip()
        public_key = shell.follow(account).strip().splitlines()[-1]
        assert not (folder / "scanning-key").exists()
        with served(trees, public_key) as ports:
            for step in rest:
                shell.follow(with_addresses(step, ports))
        client = api(url[1], token)
        [found] = client.get("findings/").json()["results"]
        assert (found["resource"], found["hosts"]["open"]) == ("file:/etc/motd", 1)
    finally:
        shell.close()


def api(url: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=30)


def tree(folder: Path, name: str) -> TreeHost:
    root = folder / "hosts" / name
    (root / "etc").mkdir(parents=True)
    return TreeHost(name, "127.0.0.1", 0, root, TreeHost.new_key())


@contextmanager
def served(trees: dict[str, TreeHost], public_key: str) -> Iterator[dict[str, int]]:
    """The trees over SSH, for one user with this key; their ports by name."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=30)

    server = TreeServer(trees.values(), {"foldback-scan": [public_key]})
    try:
        wait(server.__aenter__())
        yield {name: server.port(name) for name in trees}
    finally:
        wait(server.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


def with_url(step: Step, url: str) -> Step:
    return Step(step.kind, replaced(step.commands, "http://localhost:8000", url), step.told)


def with_addresses(step: Step, ports: dict[str, int]) -> Step:
    commands = step.commands
    if "ansible_host" in commands:
        for name, port in ports.items():
            commands = re.sub(rf"({name} ansible_host=)\S+", rf"\g<1>127.0.0.1 ansible_port={port}", commands)
        assert "10.0." not in commands
    return Step(step.kind, commands, step.told)


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


# ---- the tools of these tests


def test_the_walk_and_the_steps_are_found() -> None:
    assert [step.kind for step in steps("walk", "real")].count("walk") >= 7
    assert len(steps("real")) == 6
    assert sum(bool(step.told) for step in steps("walk", "real")) >= 8


def test_lines_that_are_shown_must_be_printed_in_their_order() -> None:
    assert missing(("DRF-4", "proven"), "DRF-17\nsomething\n  proven\n") == []
    assert missing(("proven", "DRF-4"), "DRF-4\nproven\n") == ["DRF-4"]
    assert missing(("proven",), "disproven\n") == ["proven"]


def test_a_command_that_fails_is_noticed(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "reader")
    try:
        with pytest.raises(AssertionError, match="this failed"):
            shell.run("echo before; false | cat; echo after")
    finally:
        shell.close()
