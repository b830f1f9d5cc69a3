"""manage.py collector kit: a read-only scanning account for hosts, as one script to run there as root."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deployments.collector.kit import DIRECTORY, USER, Kit, KitError, install_script
from inventory.models import Credential


class Command(BaseCommand):
    help = (
        "Print the script that installs a scanning account on a host, which can answer Foldback's questions and do "
        "nothing else: manage.py collector kit | ssh root@host sh. The same script removes it: … sh -s remove."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["kit"])
        parser.add_argument(
            "--user", help=f"name of the account on the host (default: the credential's user, else {USER})"
        )
        parser.add_argument(
            "--key",
            metavar="FILE|CREDENTIAL",
            help="the public key that may sign in: a .pub file, or a credential (default: the default one)",
        )
        parser.add_argument(
            "--from",
            dest="allowed_from",
            default="",
            metavar="ADDRESSES",
            help="where it may sign in from, as in from= of authorized_keys: 192.0.2.10,10.0.0.0/8",
        )
        parser.add_argument("--directory", default=DIRECTORY, help=f"on the host (default: {DIRECTORY})")
        parser.add_argument(
            "--no-sudo", action="store_true", help="ask for no rights: what needs root is then unknown"
        )
        parser.add_argument("--out", metavar="DIR", help="write its parts there, one by one, to be read")

    def handle(self, *args: Any, **options: Any) -> None:
        keys, signs_in_as = _who(options["key"])
        user = options["user"] or (USER if signs_in_as in ("", "root") else signs_in_as)
        try:
            kit = Kit(
                keys=keys,
                user=user,
                directory=options["directory"],
                allowed_from=options["allowed_from"],
                sudo=not options["no_sudo"],
            )
        except KitError as error:
            raise CommandError(str(error)) from None
        if signs_in_as and signs_in_as != user:
            self.stderr.write(
                f"The credential signs in as {signs_in_as}, and this account is {user}: give the credential that user."
            )
        if not options["out"]:
            self.stdout.write(install_script(kit), ending="")
            return
        folder = Path(options["out"])
        parts = {
            "install.sh": install_script(kit),
            "collector": kit.program(),
            "authorized_keys": kit.authorized_keys(),
            "sudoers": kit.sudoers(),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in parts.items():
                (folder / name).write_text(text)
        except OSError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"Version {kit.version} is in {folder}. install.sh holds the others: run it on a host as root with sh, "
            "and with `sh install.sh remove` to take everything away."
        )


def _who(named: str | None) -> tuple[tuple[str, ...], str]:
    """Lines of public keys, from a file, a credential, or the default credential; and whom that signs in as."""
    if named and (path := Path(named)).is_file():
        text = path.read_text(errors="replace")
        if "PRIVATE KEY" in text:
            raise CommandError(f"{named} is a private key: give the public one, which ends in .pub.")
        return tuple(line for line in text.splitlines() if line.strip() and not line.startswith("#")), ""
    found = Credential.objects.filter(**({"name": named} if named else {"is_default": True})).first()
    if found is None:
        missing = (
            f"There is no file and no credential {named}." if named else "There is no default credential."
        )
        raise CommandError(f"{missing} Give --key FILE with a public key, or the name of a credential.")
    if not found.public_key:
        raise CommandError(
            f"The credential {found.name} has no key: an account without a password needs one."
        )
    return (found.public_key,), found.user
