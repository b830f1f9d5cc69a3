"""Looks at hosts without a network: what a test says a host shows, recorded as a scan would."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from common.core.actor import SYSTEM
from common.services.jobs import Claim, claim_batch
from deployments.collector.question import Observation
from deployments.core.definition.model import DesiredResource
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.core.states import ABSENT, Present, State, Unknown
from drift.core.watched import FILE_KINDS, kind_of
from drift.models import Finding, Scan
from drift.services.observations import Against, Look, record_look
from drift.services.scans import create_scan
from inventory.models import Host
from inventory.queries.hosts import host_view

START = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


class Fleet:
    """Hosts, a definition, and looks. Each look is a minute after the one before.

    `files` are the definition's; `live` says for each host which paths it has, as text, ABSENT or Unknown.
    `entries` has what a host shows of kinds that are listed whole: host → resource → state. `incomplete` says of which
    kinds no host could be listed, and why; `redacted` what was taken out of the states of which resource.
    """

    def __init__(self, files: Mapping[str, str], hosts: list[Host]) -> None:
        self.hosts = {host.name: host for host in hosts}
        self.now = START
        self.entries: dict[str, dict[str, State]] = defaultdict(dict, {host.name: {} for host in hosts})
        self.incomplete: dict[str, str] = {}
        self.redacted: dict[str, int] = {}
        self.define(files)
        self.live: dict[str, dict[str, str | State]] = {
            host.name: self.as_defined(host.name) for host in hosts
        }

    def define(self, files: Mapping[str, str], revision: str = "") -> None:
        self.files = {"definition.yaml": "format: 1\n", **files}
        self.definition = parse_definition({path: text.encode() for path, text in self.files.items()})
        self.earlier = getattr(self, "current", None)
        self.current = self.definition
        self.revision = revision or hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()

    def as_defined(self, name: str) -> dict[str, str | State]:
        wanted = desired_manifest(self.definition, host_view(self.hosts[name])).resources
        return {
            resource.partition(":")[2]: want.content.decode() if want.content is not None else want.state
            for resource, want in wanted.items()
            if kind_of(resource) in FILE_KINDS
        }

    def push(self, *names: str) -> None:
        """Bring hosts to what the definition says (as somebody else's pusher would)."""
        for name in names or self.hosts:
            self.live[name] = self.as_defined(name)
            for resource, want in self._wanted(name).items():
                before = self.entries[name].pop(resource, ABSENT)
                if isinstance(want.state, Present):
                    kept = before.data if isinstance(before, Present) else {}
                    self.entries[name][resource] = Present({**kept, **want.state.data})

    def _wanted(self, name: str) -> dict[str, DesiredResource]:
        """What is declared of kinds that are listed whole."""
        wanted = desired_manifest(self.definition, host_view(self.hosts[name])).resources
        return {resource: want for resource, want in wanted.items() if kind_of(resource) not in FILE_KINDS}

    def claim(self, *names: str) -> tuple[Scan, Claim]:
        scan = create_scan(actor=SYSTEM, selector=" ".join(f"name={name}" for name in names or self.hosts))
        assert scan.job is not None
        claim = claim_batch(batch_id=scan.job.batches.get().pk)
        assert claim is not None
        return scan, claim

    def look(self, *names: str) -> Scan:
        """Look at hosts (default: all) and record what they show."""
        scan, claim = self.claim(*names)
        for name in names or self.hosts:
            self.now += timedelta(minutes=1)
            record_look(claim=claim, scan=scan, look=self.shown(name), against=self.against(name))
        return scan

    def against(self, name: str) -> Against:
        view = host_view(self.hosts[name])
        earlier = desired_manifest(self.earlier, view) if self.earlier else None
        return Against(self.revision, self.definition, desired_manifest(self.definition, view), earlier)

    def shown(self, name: str, *, status: str = "ok", reason: str = "") -> Look:
        states: dict[str, State] = {}
        contents: dict[str, bytes] = {}
        for path, shown in self.live[name].items():
            if isinstance(shown, str):
                digest = hashlib.sha256(shown.encode()).hexdigest()
                states[f"file:{path}"] = Present({"type": "file", "mode": "0644", "sha256": digest})
                contents[digest] = shown.encode()
            else:
                states[self._resource(path, shown)] = shown
        for resource in self._wanted(name):
            why = self.incomplete.get(kind_of(resource))
            states[resource] = Unknown(why) if why else ABSENT
        states |= {
            resource: state
            for resource, state in self.entries[name].items()
            if kind_of(resource) not in self.incomplete
        }
        host = self.hosts[name]
        observation = Observation(
            states if status != "unknown" else {},
            contents=contents,
            listed=self._listed(name),
            redacted=self.redacted,
        )
        return Look(host, host_view(host), self.now, 0.1, status, reason, "", observation)

    def _listed(self, name: str) -> dict[str, str | None]:
        desired = desired_manifest(self.definition, host_view(self.hosts[name]))
        kinds = {f"{kind}:": self.incomplete.get(kind) for kind in desired.watched}
        roots = {root: self.incomplete.get(root) for root in desired.roots}
        return {**dict.fromkeys(desired.exhaustive), **roots, **kinds}

    def _resource(self, path: str, state: State) -> str:
        kind = state.data["type"] if isinstance(state, Present) else "file"
        return f"{kind}:{path}"


def only_finding() -> Finding:
    return Finding.objects.get()


__all__ = ["ABSENT", "START", "Fleet", "Unknown", "only_finding"]
