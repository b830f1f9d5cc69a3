"""The proof of an adoption: each host rendered from the new definition, beside what was seen on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from deployments.core.definition.model import Definition, DesiredResource
from deployments.core.definition.render import desired_manifest
from deployments.core.states import Present, State, project
from drift.core.adoption import HostCheck, SeenHost


def check_hosts(
    after: Definition, hosts: Sequence[SeenHost], declared: Mapping[str, Mapping[str, Any]]
) -> list[HostCheck]:
    """For each host the resources that were adopted there, and those that would not be as they are live."""
    return [_check(after, host, declared[host.name]) for host in hosts]


def _check(after: Definition, host: SeenHost, declared: Mapping[str, Any]) -> HostCheck:
    manifest = desired_manifest(after, host.view).resources
    wrong = [
        resource
        for resource in declared
        if resource not in manifest or not is_as_live(manifest[resource], host.states[resource])
    ]
    return HostCheck(host.name, len(declared), tuple(sorted(wrong)))


def is_as_live(desired: DesiredResource, live: State) -> bool:
    """Whether a resource renders to what is live, in everything that is declared."""
    if not isinstance(desired.state, Present):
        return desired.state == live
    return project(live, desired.compared) == project(desired.state, desired.compared)
