from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.core.actor import SYSTEM
from common.core.errors import FoldbackError
from common.models import Token
from common.services.people import revoke_token


class Command(BaseCommand):
    help = "Revoke a token by its prefix (fb_PREFIX_…), or list the live ones when no prefix is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prefix", nargs="?")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prefix"] is None:
            live = (
                Token.objects.filter(revoked_at=None)
                .select_related("sponsor")
                .order_by("sponsor__username", "name")
            )
            for token in live:
                used = f"used {token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never used"
                self.stdout.write(
                    f"{token.prefix}  {token.name}  {token.role}  sponsor {token.sponsor.username}  "
                    f"until {token.expires_at:%Y-%m-%d}  {used}"
                )
            return
        prefix = options["prefix"].removeprefix("fb_").split("_")[0]
        found = Token.objects.filter(prefix=prefix).first()
        if found is None:
            raise CommandError(
                f"There is no token fb_{prefix}_…: `manage.py revoke_token` lists the live ones."
            )
        try:
            revoke_token(actor=SYSTEM, token=found)
        except FoldbackError as error:
            raise CommandError(error.detail) from None
        self.stdout.write(f"Revoked {found.name} ({prefix}) of {found.sponsor.username}.")
