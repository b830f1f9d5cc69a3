import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo.fleet import serve
from demo.world import World


class Command(BaseCommand):
    help = "Serve the demonstration hosts over SSH until stopped (made by demo_seed)."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            world = World.load(settings.DATA_DIR / "fleet")
        except FileNotFoundError:
            raise CommandError("There is no demonstration yet: run `make demo`.") from None
        asyncio.run(self._serve(world))

    async def _serve(self, world: World) -> None:
        until = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, until.set)
        await serve(world, until=until)
