"""The outage: what people did by hand at 3 a.m., some of it logged."""

from datetime import datetime, timedelta

from changemgmt.services.changes import log_change
from demo import trees
from demo.cast import Cast
from demo.world import World

NGINX = "etc/nginx/nginx.conf"
WEB_FIXED = [f"web-{n}" for n in range(1, 8)]  # 7 of 12


def break_and_fix(world: World, cast: Cast, *, now: datetime) -> None:
    """Hand-made edits of the last hour, oldest first; comments say which of them were logged."""

    def at(minutes: int) -> datetime:
        return now - timedelta(minutes=minutes)

    # Logged by Ana in time, on 7 of the 12 web hosts: connections were running out.
    for offset, name in enumerate(WEB_FIXED):
        trees.edit(
            world.root(name) / NGINX,
            "worker_connections 1024;",
            "worker_connections 4096;",
            at=at(48 - offset),
        )
    log_change(
        actor=cast.ana,
        title="Raised worker_connections to 4096",
        description="Checkout was down: nginx ran out of connections. web-8 to web-12 did not need it yet.",
        hosts=WEB_FIXED,
        resources=[f"file:/{NGINX}"],
        happened_at=at(48),
    )
    # Logged by Ben, who did not say in which file: the database pool, in a template with host variables.
    for name in ("api-1", "api-2", "api-3"):
        trees.edit(world.root(name) / "srv/shop/api.ini", "pool_size = 10", "pool_size = 40", at=at(41))
    log_change(
        actor=cast.ben,
        title="Bigger database pool on the first three API hosts",
        hosts=["api-1", "api-2", "api-3"],
        happened_at=at(41),
    )
    # Not logged: a rate limit, dropped into a directory where nothing may appear unannounced.
    for name in ("web-3", "web-9"):
        trees.write(
            world.root(name) / "etc/nginx/conf.d/10-ratelimit.conf",
            "limit_req_zone $binary_remote_addr zone=checkout:10m rate=20r/s;\n",
            at=at(37),
            mode=0o644,
        )
    # Not logged: kernel settings on the first database host.
    trees.edit(
        world.root("db-1") / "etc/sysctl.d/60-net.conf",
        "net.core.somaxconn = 512",
        "net.core.somaxconn = 4096",
        at=at(33),
    )
    # Not logged: one web host shows the maintenance page, and somebody forgot.
    available = world.root("web-5") / "etc/nginx/sites-available"
    trees.write(available / "maintenance", "server { listen 80; return 503; }\n", at=at(30))
    trees.link(world.root("web-5") / "etc/nginx/sites-enabled/shop", "../sites-available/maintenance")
    # Not logged: everybody may read the API's configuration.
    (world.root("api-4") / "srv/shop/api.ini").chmod(0o666)
    # Not logged, and the definition moved meanwhile: a conflict.
    trees.edit(world.root("web-12") / "etc/logrotate.d/shop", "rotate 7", "rotate 2", at=at(27))
