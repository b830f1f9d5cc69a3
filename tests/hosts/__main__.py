"""make hosts N=8: real Debian hosts for a developer, until Ctrl-C."""

import argparse
import signal
import sys
import time
from collections.abc import Iterable

from config.child import signal_when_parent_dies
from tests.hosts.image import CannotMake, Image
from tests.hosts.machine import Machine
from tests.hosts.machines import Yard, names
from tests.hosts.possible import missing


def as_inventory(machines: Iterable[Machine]) -> str:
    """Ansible's INI: every host with the role web, in the environment prod."""
    lines = "".join(f"{machine.name} ansible_host={machine.address}\n" for machine in machines)
    return f"[role_web]\n{lines}\n[env_prod:children]\nrole_web\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=3, help="how many")
    parser.add_argument("--prefix", default="h", help="what their names begin with")
    parser.add_argument("--die-with-parent", action="store_true", help="end when who started this ends")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if asked.die_with_parent:
        signal_when_parent_dies(signal.SIGTERM)
    if reason := missing():
        print(f"Real hosts can't run here: {reason}.", file=sys.stderr)
        return 1
    image = Image()
    if not image.ready:
        print(f"Making the image below {image.cache}, once: about a minute …", flush=True)
    try:
        with Yard(image) as yard:
            began = time.monotonic()
            yard.boot(*names(asked.count, asked.prefix))
            print(f"{asked.count} hosts booted in {time.monotonic() - began:.1f} s.\n")
            for machine in yard.machines:
                print(f"  {machine.name:8} {machine.address:15} {machine.public_key}")
            first = yard.machines[0].name
            inventory = yard.slot.folder / "hosts.ini"
            inventory.write_text(as_inventory(yard.machines))
            print(f"\nLog in as root, ana or ben:  ssh -F {yard.slot.folder}/ssh_config ana@{first}")
            print(f"Their private keys:          {yard.keys}/")
            print(f"An inventory of them:        {inventory}")
            print("End them all:                Ctrl-C", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        print("\nEnded; nothing is left running.")
    except CannotMake as why:
        print(f"There is no image of Debian: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
