from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common.core import roles
from common.core.actor import SYSTEM
from common.models import Person
from common.services.people import create_login_link, create_token

DAY = 24 * 60


class Command(BaseCommand):
    help = "Print fresh one-time sign-in links and tokens for Ana and Ben of the demonstration."

    def handle(self, *args: Any, **options: Any) -> None:
        people = {person.username: person for person in Person.objects.filter(username__in=("ana", "ben"))}
        if len(people) != 2:
            raise CommandError("There is no demonstration here: run `make demo`.")
        url = settings.PUBLIC_URL
        self.stdout.write(
            "\nCheckout was down an hour ago; people fixed it by hand. Sign in (each link works once):\n"
        )
        for username, does in (("ana", "proposes"), ("ben", "approves")):
            secret = create_login_link(actor=SYSTEM, person=people[username], minutes=DAY)
            self.stdout.write(f"  {people[username].name} {does:9} {url}/sign-in/{secret}/")
        self.stdout.write("\nOr with curl (tokens for a day):\n")
        self.stdout.write(f"  export FOLDBACK_URL={url}")
        for username, role in (("ana", roles.OPS), ("ben", roles.RELEASE_MANAGER)):
            _, text = create_token(
                actor=SYSTEM, name=f"{username}-demo", role=role, sponsor=people[username], days=1
            )
            self.stdout.write(f"  export {username.upper()}={text}")
        root = settings.DATA_DIR / "fleet" / "hosts"
        self.stdout.write(
            f"\nThe hosts are directories below {root}: edit a file there, and find it within a minute or two."
        )
