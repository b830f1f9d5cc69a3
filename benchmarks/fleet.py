"""A simulated fleet: ten thousand hosts in one process, which answer the collector's questions over SSH.

    python -m benchmarks.fleet [--hosts N] [--resources N] [--port P] [--directory DIR] …

writes into DIR what a service needs to know it (`definition/`, `inventory.json`, `client_key`, `host_key.pub`), prints
one line of JSON when it is ready (ports, paths), serves until it is told to stop or its standard input ends, and is
told what to do over a control port on loopback (see `benchmarks.simulated.control`).

In a test, in the same process or beside it:

    with serving(FleetOptions(hosts=50)) as fleet:              # a thread with an event loop of its own
        fleet.edit(3, "/etc/app/host.conf", b"by hand")
    with FleetProcess(FleetOptions(hosts=2000)) as fleet:       # a process of its own; the same methods
        fleet.misbehave([7, 8], "hang")
"""

import argparse
import asyncio
import dataclasses
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.simulated.control import FleetProcess, serve_control
from benchmarks.simulated.fleet import FleetOptions, SimulatedFleet

__all__ = ["FleetOptions", "FleetProcess", "SimulatedFleet", "serving"]


@contextmanager
def serving(options: FleetOptions) -> Iterator[SimulatedFleet]:
    """Serve from a thread of this process. What changes the fleet may be called from any thread."""
    fleet = SimulatedFleet(options)
    started, box = threading.Event(), dict[str, Any]()

    async def main() -> None:
        box["stop"] = asyncio.Event()
        box["loop"] = asyncio.get_running_loop()
        async with fleet:
            started.set()
            await box["stop"].wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except Exception as error:  # handed to whoever waits for the start
            box["error"] = error
        finally:
            started.set()

    thread = threading.Thread(target=run, name="simulated-fleet", daemon=True)
    thread.start()
    started.wait(timeout=60)
    if "error" in box:
        raise box["error"]
    try:
        yield fleet
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(timeout=20)


async def run_fleet(options: FleetOptions, directory: Path | None) -> None:
    """Serve until the standard input ends or a `stop` comes over the control port."""
    fleet = SimulatedFleet(options)
    async with fleet:
        ready: dict[str, Any] = {"port": fleet.port, "closed_port": fleet.closed_port}
        if directory:
            fleet.write_to(directory)
            ready["directory"] = str(directory)
        ready |= {"host_key": fleet.host_key_line, "client_key": fleet.client_key_text}
        await serve_control(
            fleet, ready=lambda port: print(json.dumps(ready | {"control": port}), flush=True)
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument(
        "--directory", type=Path, help="where to write what a service needs to know of the fleet"
    )
    for field in dataclasses.fields(FleetOptions):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
        )
    asked = vars(parser.parse_args())
    directory = asked.pop("directory")
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        runner.run(run_fleet(FleetOptions(**asked), directory))


if __name__ == "__main__":
    main()
