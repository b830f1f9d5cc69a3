from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from common import clock
from common.core.actor import SYSTEM
from common.models import Person
from demo.cast import host_names, make_hosts, make_people
from demo.fleet import served
from demo.history import days_ago, first_commit, live_through, look_from_now_on, move_the_definition, scan
from demo.outage import break_and_fix
from demo.world import DOWN, World


class Command(BaseCommand):
    help = "Make the demonstration: two dozen hosts, a week of history, an outage under way. Does it once."

    def handle(self, *args: Any, **options: Any) -> None:
        if Person.objects.exists():
            self.stdout.write("The demonstration is there already (RESET=1 starts over).")
            return
        self.stdout.write("Making two dozen hosts and a week of history …")
        world = World.create(settings.DATA_DIR / "fleet", host_names())
        with days_ago(7):
            cast = make_people()
            first_commit(cast)
            make_hosts(world, cast)
        with served(world):
            live_through(world, cast)
        move_the_definition(cast)
        break_and_fix(world, cast, now=clock.now())
        with served(world, without=(DOWN,)):
            scan(SYSTEM)
        look_from_now_on(cast)
