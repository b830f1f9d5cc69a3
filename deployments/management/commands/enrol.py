import re
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.core.actor import Actor
from common.core.errors import FoldbackError
from deployments.services.enrolment import Offer, enrol_host, fetch_offers
from inventory.core.host_keys import parse_public_key
from inventory.management.acting import actor_from, add_as
from inventory.models import Host
from inventory.queries.hosts import resolve_selector

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_PUBLIC_KEY = re.compile(r"(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA[A-Za-z0-9+/=]+")


class Command(BaseCommand):
    help = (
        "Show the SSH host keys that hosts offer, and pin those that you confirm. Without --accept or "
        "--yes-fingerprints nothing is pinned."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("selector", help="which hosts, as in 'role=web env=prod' or '*'")
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument(
            "--yes-fingerprints",
            metavar="FILE",
            help="pin the offered keys that this file vouches for: fingerprints, ssh-keygen -l output, known_hosts lines",
        )
        choice.add_argument(
            "--accept",
            action="store_true",
            help="pin whatever is offered now, on hosts that have no key yet (trust on first use)",
        )
        parser.add_argument("--timeout", type=float, default=15.0, help="seconds for each host")
        add_as(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        vouched = _vouched(options["yes_fingerprints"]) if options["yes_fingerprints"] else None
        actor = actor_from(options)
        try:
            found = resolve_selector(options["selector"], pointer="selector")
            hosts = {host.pk: host for host in Host.objects.filter(pk__in=found.ids).order_by("name")}
            offers = fetch_offers(actor=actor, hosts=hosts.values(), seconds=options["timeout"])
        except FoldbackError as error:
            raise CommandError(error.detail) from None
        for offer in offers:
            self._show(offer)
        if vouched is None and not options["accept"]:
            self.stdout.write(
                "\nNothing was pinned. Compare these with each host's own console, where "
                "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` shows them; then use --yes-fingerprints FILE, "
                "or --accept if you trust the network."
            )
            return
        self._pin_all(actor, hosts, offers, vouched)

    def _show(self, offer: Offer) -> None:
        where = f"{offer.name} ({offer.address}, port {offer.port})"
        if offer.failure:
            self.stdout.write(f"{where}: {offer.failure}")
            return
        self.stdout.write(f"{where}" + (": NONE OF THE PINNED KEYS IS OFFERED" if offer.is_changed else ""))
        for key in offer.keys:
            mark = "pinned" if key.fingerprint in offer.pinned else "new"
            self.stdout.write(f"  {key.algorithm:<20} {key.fingerprint}  {mark}")
        for fingerprint in sorted(offer.pinned - offer.fingerprints):
            self.stdout.write(f"  {'not offered':<20} {fingerprint}  pinned")

    def _pin_all(
        self, actor: Actor, hosts: dict[Any, Host], offers: Iterable[Offer], vouched: frozenset[str] | None
    ) -> None:
        pinned, left = 0, []
        self.stdout.write("")
        for offer in offers:
            fingerprints, why_not = _choose(offer, vouched)
            if not why_not:
                try:
                    host = hosts[offer.host_id]
                    enrol_host(actor=actor, host=host, offer=offer, fingerprints=sorted(fingerprints))
                    pinned += 1
                except FoldbackError as error:
                    why_not = error.detail
            if why_not:
                left.append(offer.name)
                self.stdout.write(f"{offer.name} is not enrolled: {why_not}")
        self.stdout.write(f"{pinned} of {pinned + len(left)} hosts enrolled")
        if left:
            raise CommandError(f"not enrolled: {', '.join(left[:20])}{' …' if len(left) > 20 else ''}")


def _choose(offer: Offer, vouched: frozenset[str] | None) -> tuple[frozenset[str], str]:
    """The fingerprints to pin, or why none."""
    if offer.failure:
        return frozenset(), offer.failure
    if vouched is not None:
        chosen = offer.fingerprints & vouched
        return chosen, "" if chosen else "the file vouches for none of the keys it offers"
    if offer.pinned and not offer.fingerprints <= offer.pinned:
        return frozenset(), "it offers keys other than those pinned; confirm them with --yes-fingerprints"
    return offer.pinned or offer.fingerprints, ""


def _vouched(path: str) -> frozenset[str]:
    """Every fingerprint a file holds, as such or as a public key."""
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}.") from None
    found = set(_FINGERPRINT.findall(text))
    for line in _PUBLIC_KEY.findall(text):
        try:
            found.add(parse_public_key(line).fingerprint)
        except ValueError as error:
            raise CommandError(f"{path}: {error}.") from None
    if not found:
        raise CommandError(f"{path} holds no fingerprint (SHA256:…) and no public key.")
    return frozenset(found)
