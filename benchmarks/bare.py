"""The least that a scan can cost: log in, send the program, take the answer, nothing else. No parsing, no database.

    python -m benchmarks.bare < JSON     {"addresses": […], "port": …, "user": …, "host_key": …, "client_key": …,
                                          "program": base64, "concurrency": 50}

says `ready`, begins when it is given a line, and ends with a line of JSON: {"hosts": …, "bytes": …, "cpu_seconds": …}.
It is what anybody would write with asyncssh, with the safety of strict host keys and none of the machine's own set-up.
"""

import asyncio
import base64
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import asyncssh

from config.supervise import CHECKOUT
from deployments.collector.wire import COMMAND


async def look(asked: dict[str, Any]) -> dict[str, Any]:
    program = base64.b64decode(asked["program"])
    client_key = asyncssh.import_private_key(asked["client_key"])
    host_key = asyncssh.import_public_key(asked["host_key"])
    addresses = iter(asked["addresses"])
    said: list[int] = []

    async def work() -> None:
        for address in addresses:
            async with asyncssh.connect(
                address,
                asked["port"],
                username=asked["user"],
                client_keys=[client_key],
                known_hosts=([host_key], [], []),
                config=[],
                agent_path=None,
                gss_host=None,
                compression_algs=["none"],
            ) as connection:
                done = await connection.run(COMMAND, input=program, encoding=None)
                said.append(len(done.stdout or b""))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(asked["concurrency"]):
            tasks.create_task(work())
    return {"hosts": len(said), "bytes": sum(said), "cpu_seconds": time.process_time()}


def bare_loop(
    asked: dict[str, Any], addresses: Sequence[str], *, processes: int
) -> tuple[float, dict[str, Any]]:
    """Seconds from the start of the first to the end of the last process, and what they said together."""
    children = []
    try:
        for number in range(processes):
            child = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.bare"],
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            children.append(child)
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(json.dumps(asked | {"addresses": addresses[number::processes]}) + "\n")
            child.stdin.flush()
            child.stdout.readline()
        began = time.perf_counter()
        for child in children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        said = [json.loads(child.stdout.readline()) for child in children if child.stdout]
        seconds = time.perf_counter() - began
    finally:
        for child in children:
            child.kill()
            child.wait()
    return seconds, {key: sum(one[key] for one in said) for key in said[0]}


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        print(json.dumps(runner.run(look(asked))), flush=True)


if __name__ == "__main__":
    main()
