"""A definition in a real repository, and the work that follows from events, done in the test itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from common.core.errors import Conflict
from common.models import EventDelivery, JobBatch
from common.services.deliveries import deliver_event
from common.services.jobs import claim_batch, fail_batch, finish_batch
from deployments.core.redaction import redact
from deployments.queries.definitions import definition_at
from deployments.repository import DefinitionRepository
from drift.services.observations import Look
from inventory.models import Host
from tests.looks import Fleet

SOMEBODY = ("Somebody Else", "else@example.org")
FORMAT = {"definition.yaml": b"format: 1\n"}


class Repository:
    """The definition at DEFINITION_PATH, and people who commit to it without Foldback."""

    def __init__(self, files: Mapping[str, str], path: Path | None = None) -> None:
        self.path = path or Path(settings.DEFINITION_PATH)
        self.when = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
        tree = FORMAT | {name: text.encode() for name, text in files.items()}
        DefinitionRepository.create(self.path, tree, SOMEBODY, "Begin", when=self.when)

    @property
    def git(self) -> DefinitionRepository:
        return DefinitionRepository(self.path)

    @property
    def head(self) -> str:
        return self.git.head()

    def text(self, path: str) -> str:
        return self.git.files(self.head)[path].decode()

    def commit(self, edits: Mapping[str, str | None], message: str = "Change something") -> str:
        """What somebody commits by hand; None removes a file."""
        self.when += timedelta(minutes=1)
        return self.git.commit(
            parent=self.head,
            edits={path: None if text is None else text.encode() for path, text in edits.items()},
            author=SOMEBODY,
            message=message,
            when=self.when,
        )

    def replace(self, path: str, old: str, new: str) -> str:
        text = self.text(path)
        assert old in text
        return self.commit({path: text.replace(old, new)})

    @property
    def messages(self) -> list[str]:
        return [revision.message for revision in self.git.log()]


class GitFleet(Fleet):
    """A fleet that is compared with what is on main in a real repository."""

    def __init__(self, repository: Repository, hosts: list[Host]) -> None:
        self.repository = repository
        super().__init__({}, hosts)

    def define(self, files: Mapping[str, str], revision: str = "") -> None:
        self.read_head()

    def read_head(self) -> None:
        self.revision = self.repository.head
        self.definition = definition_at(self.revision)
        self.earlier = getattr(self, "current", None)
        self.current = self.definition

    def shown(self, name: str, *, status: str = "ok", reason: str = "") -> Look:
        """Texts are redacted on arrival, as the collector does it."""
        look = super().shown(name, status=status, reason=reason)
        found = {digest: redact(content.decode()) for digest, content in look.observation.contents.items()}
        return replace(
            look,
            observation=replace(
                look.observation,
                contents={digest: redacted.text.encode() for digest, redacted in found.items()},
                redactions={digest: redacted.count for digest, redacted in found.items() if redacted.count},
            ),
        )

    def edit(self, name: str, path: str, old: str, new: str) -> None:
        """By hand, on one host."""
        text = self.live[name][path]
        assert isinstance(text, str) and old in text, f"{old!r} is not in {text!r}"
        self.live[name][path] = text.replace(old, new)


class StillHeld:
    """A lease keeper for work that a test does itself."""

    lost = False


def deliver_events() -> int:
    """Run the consumers of every event that waits; raises what a consumer raised."""
    delivered = 0
    while due := list(EventDelivery.objects.filter(done_at=None, set_aside_at=None).order_by("created_at")):
        for delivery in due:
            if not deliver_event(delivery_id=delivery.pk):
                delivery.refresh_from_db()
                raise AssertionError(f"{delivery.consumer}: {delivery.error}")
            delivered += 1
    return delivered


def run_batches(kind: str) -> int:
    """Work on every batch of this kind that waits, as a worker would; an error gives the batch back and is raised."""
    done = 0
    for batch in JobBatch.objects.filter(state="pending", job__kind=kind).order_by("created_at"):
        JobBatch.objects.filter(pk=batch.pk).update(not_before=None)  # the pause after a failure has passed
        claim = claim_batch(batch_id=batch.pk)
        if claim is None:
            raise Conflict(f"batch {batch.pk} can't be claimed")
        try:
            import_string(settings.JOB_HANDLERS[kind])(claim=claim, keeper=StillHeld())
        except Exception as error:
            fail_batch(claim=claim, error=str(error))
            raise
        finish_batch(claim=claim)
        done += 1
    return done


def work(*kinds: str) -> None:
    """Deliver events and run batches of these kinds until nothing is left to do."""
    while deliver_events() + sum(run_batches(kind) for kind in kinds):
        pass


def path_settings(tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Settings for a test with a definition of its own."""
    return {"DEFINITION_PATH": tmp_path / "definition.git", "DEFINITION_URL": "", **more}
