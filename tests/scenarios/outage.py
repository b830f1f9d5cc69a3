"""An outage as it happens: what people change by hand on real hosts, as a person on a console does it.

Each `Fix` is one thing that somebody did, on some hosts, and what has to come of it: exactly one finding, with
these hosts, made by this account (None: nothing on the host tells).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.hosts.machines import Machine

HOSTS = ("web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "db-1", "db-2")
WEB = HOSTS[:6]

# What the shop's people put on their hosts in the years before: the same on all, by role, and each its own.
BEFORE = """
mkdir -p /etc/shop/conf.d /srv/shop/releases/1 /srv/shop/releases/2
printf 'Authorised use only\\n' >/etc/motd
printf 'pool = 10\\ntimeout = 30\\nretries = 3\\n' >/etc/shop/shop.conf
printf '# which machine this is\\nname = %s\\nrole = shop\\n' "$(hostname)" >/etc/shop/identity.conf
printf 'cache = 64\\n' >/etc/shop/conf.d/cache.conf
printf 'level = info\\n' >/etc/shop/conf.d/log.conf
printf 'obsolete = yes\\n' >/etc/shop/old.conf
ln -sfn /srv/shop/releases/1 /etc/shop/current
chmod 0640 /etc/shop/shop.conf
printf '7 3 * * * /bin/true\\n' | crontab -
"""
ON_WEB = r"""
printf 'server {\n    listen 8080;\n    server_name %s;\n    keepalive_timeout 65;\n}\n' "$(hostname)" >/etc/nginx/conf.d/shop.conf
sed -i 's/worker_connections [0-9]*/worker_connections 768/' /etc/nginx/nginx.conf
systemctl reload nginx
"""
ON_DB = "printf 'buffers = 128\\n' >/etc/shop/conf.d/db.conf\n"


def build(machines: Mapping[str, Machine]) -> None:
    """Bring new hosts to what they were before the outage."""
    for name, machine in machines.items():
        machine.run(BEFORE + (ON_WEB if name.startswith("web") else ON_DB))


@dataclass(frozen=True)
class Fix:
    """`done` is run on each of `hosts` by `login`, by SSH and sudo; `quietly` as root, without a trace of anybody.

    `resource` is what the one finding is about; `live` what its live state must hold. `shut` is what only root may
    read: who looks as anybody else can't say.
    """

    resource: str
    hosts: Sequence[str]
    login: str | None
    done: str
    live: Mapping[str, object] = field(default_factory=dict, hash=False)
    absent: bool = False
    shut: bool = False


FIXES = (
    # On several hosts, the same on each.
    Fix(
        "file:/etc/nginx/nginx.conf",
        ("web-1", "web-2", "web-3"),
        "ana",
        "sudo sed -i 's/worker_connections 768/worker_connections 4096/' /etc/nginx/nginx.conf",
    ),
    # Each host has its own name in this file: one fix, one finding.
    Fix(
        "file:/etc/nginx/conf.d/shop.conf",
        ("web-4", "web-5"),
        "ben",
        "sudo sed -i 's/keepalive_timeout 65/keepalive_timeout 5/' /etc/nginx/conf.d/shop.conf",
    ),
    Fix(
        "sysctl:net.core.somaxconn",
        ("web-1", "web-2", "web-3", "web-4"),
        "ana",
        "sudo sysctl -w net.core.somaxconn=16384",
        {"value": "16384"},
    ),
    Fix("package:tree", ("web-5", "web-6"), "ana", "sudo apt-get install -y tree", {"hold": False}),
    # On several hosts, different on each: each is a drift of its own.
    *(
        Fix(
            "file:/etc/shop/shop.conf",
            (name,),
            "ben",
            f"sudo sed -i 's/pool = 10/pool = {size}/' /etc/shop/shop.conf",
            shut=True,
        )
        for name, size in (("web-1", 20), ("web-2", 40), ("db-1", 80))
    ),
    # On one host.
    Fix("file:/etc/shop/old.conf", ("db-2",), "ben", "sudo rm /etc/shop/old.conf", absent=True),
    Fix(
        "file:/etc/shop/conf.d/limits.conf",
        ("web-6",),
        "ana",
        "echo 'files = 65536' | sudo tee /etc/shop/conf.d/limits.conf",
    ),
    Fix("package:less", ("db-1",), "ben", "sudo apt-get remove -y less", absent=True),
    Fix("package:nginx-light", ("web-3",), "ben", "sudo apt-mark hold nginx-light", {"hold": True}),
    Fix("service:nginx", ("db-2",), "ana", "sudo systemctl stop nginx", {"running": False}),
    Fix("service:cron", ("web-2",), "ben", "sudo systemctl disable cron", {"enabled": False}),
    Fix("service:nginx", ("db-1",), "ana", "sudo systemctl mask nginx", {"masked": True}),
    Fix("user:ben", ("web-4",), "ana", "sudo usermod -aG adm ben"),
    Fix(
        "cron:root",
        ("db-2",),
        "ana",
        "(sudo crontab -l; echo '*/5 * * * * /usr/local/bin/flush-queue') | sudo crontab -",
    ),
    Fix(
        "sudoers:/etc/sudoers.d/oncall",
        ("web-6",),
        "ben",
        "echo 'ben ALL=(ALL) NOPASSWD: /usr/bin/systemctl' | sudo tee /etc/sudoers.d/oncall >/dev/null",
    ),
    Fix(
        "symlink:/etc/shop/current",
        ("web-5",),
        "ana",
        "sudo ln -sfn /srv/shop/releases/2 /etc/shop/current",
        {"target": "/srv/shop/releases/2"},
    ),
    Fix(
        "file:/etc/shop/identity.conf",
        ("web-3",),
        None,
        "chmod 0600 /etc/shop/identity.conf",
        {"mode": "0600"},
        shut=True,
    ),
)


def break_things(machines: Mapping[str, Machine]) -> None:
    """The outage: every fix on every host it was made on."""
    for fix in FIXES:
        for name in fix.hosts:
            if fix.login is None:
                machines[name].run(fix.done)
            else:
                machines[name].as_person(fix.login, fix.done)
