"""Trying a credential against a host: asked for over the API, done by a worker, which alone can open it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import transaction

from common.core.actor import SYSTEM, Actor
from common.core.errors import Conflict, Invalid
from common.models import Job
from common.services.jobs import Claim, count_items, create_job, fenced_write
from deployments.collector.wire import COMMAND, Ask, program_input, split_answer
from deployments.transport.base import TransportFailure
from deployments.transport.choose import Ways
from inventory.core.connection import HostConnection, OpenCredential
from inventory.models import Credential, Host
from inventory.queries.connections import connection_for
from inventory.services.credentials import CannotOpen, open_credentials, record_credential_test
from inventory.services.permissions import require

OK = "ok"
_NONCE = "credentialtest0000"
_SECONDS = 15.0


def start_credential_test(*, actor: Actor, credential: Credential, host: Host) -> Job:
    """Have a worker sign in to the host with the credential; the result is kept on the credential.

    Raises Invalid for a host that has no SSH or no pinned key, Conflict for a decommissioned one.
    """
    require(actor, "credential.edit")
    _check(host)
    with transaction.atomic():
        return create_job(actor=actor, kind="credential-test", subject=credential, batches=[[str(host.pk)]])


def run_credential_test_batch(*, claim: Claim, keeper: Any) -> None:
    """The job's handler: one host, tried once; a failure to sign in is a result, not an error of the job."""
    credential = Credential.objects.get(pk=claim.subject_id)
    host = Host.objects.select_related("credential").get(pk=claim.items[0])
    try:
        result = try_credential(credential=credential, host=host)
    except CannotOpen as error:
        result = str(error)
    with fenced_write(claim):
        record_credential_test(actor=SYSTEM, credential=credential, host=host.name, result=result)
        count_items(claim=claim, done=1)


def try_credential(*, credential: Credential, host: Host) -> str:
    """`ok`, or why signing in failed (`authentication failed: …`). Uses the network: not for use in a transaction.

    Raises CannotOpen where the private seal key isn't, Invalid or Conflict for a host that can't be tried.
    """
    _check(host)
    # The host's own user stands; otherwise the user of the credential that is tried, not of the host's own one.
    connection = replace(connection_for(host), user=host.user or credential.user, credential_id=credential.pk)
    opened = open_credentials([hop.credential_id for hop in connection.hops() if hop.credential_id])
    return asyncio.run(_sign_in(connection, opened))


async def _sign_in(connection: HostConnection, credentials: Mapping[UUID, OpenCredential]) -> str:
    ways = Ways(credentials)
    try:
        async with ways.to(connection).session() as session:
            # What a scan asks first: an installed collector answers that, and nothing else.
            program = program_input(_NONCE, [Ask("clock")])
            answer = await session.run(COMMAND, program, max_output=1_000_000, timeout=_SECONDS)
    except TransportFailure as failure:
        return failure.reason
    except ValueError as error:
        return str(error)
    finally:
        await ways.close()
    if split_answer(answer.stdout, _NONCE, 1).failure is not None:
        return "signed in, but the host did not run a POSIX shell with what it was sent"
    return OK


def _check(host: Host) -> None:
    if host.state != Host.ACTIVE:
        raise Conflict(f"{host} has been decommissioned, and is not connected to any more.")
    if host.transport == "local":
        raise Invalid(f"{host} is a local folder: nobody signs in to it.")
    if not connection_for(host).is_enrolled:
        raise Invalid(
            f"{host} is not enrolled: no host key is pinned. Enrol it first: manage.py enrol {host}."
        )
