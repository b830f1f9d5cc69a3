"""The demonstration hosts behind a real SSH server: each a directory tree in which the real collector runs."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from demo.cast import tree_host
from demo.ssh_server import TreeServer
from demo.world import DOWN, SCANNING_USER, World


def tree_server(world: World, *, without: tuple[str, ...] = (DOWN,)) -> TreeServer:
    hosts = [tree_host(world, name) for name in world.addresses if name not in without]
    return TreeServer(hosts, {SCANNING_USER: [world.scanning_key.read_text()]})


async def serve(world: World, *, until: asyncio.Event) -> None:
    async with tree_server(world):
        await until.wait()


@contextmanager
def served(world: World, *, without: tuple[str, ...] = ()) -> Iterator[None]:
    """Serve hosts from a thread while the history is being made."""
    started = threading.Event()
    box: dict[str, Any] = {}

    async def main() -> None:
        box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()
        async with tree_server(world, without=without):
            started.set()
            await box["stop"].wait()

    def run() -> None:
        try:
            asyncio.run(main())
        finally:
            started.set()

    thread = threading.Thread(target=run, name="demo-fleet", daemon=True)
    thread.start()
    started.wait(timeout=20)
    if "stop" not in box or not thread.is_alive():
        raise RuntimeError("the demonstration fleet could not be served; is its port taken?")
    try:
        yield
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(timeout=10)
