"""Reads of the definition: its repository, revisions as parsed definitions, hosts as rendered manifests.

All of this reads Git, so none of it belongs inside a transaction.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence

from django.conf import settings

from common.core.errors import FieldError, Unprocessable
from deployments.core.definition.merge import merge
from deployments.core.definition.model import Definition, DefinitionError, DesiredManifest
from deployments.core.definition.parse import parse_definition
from deployments.core.definition.render import desired_manifest
from deployments.core.errors import DefinitionBroken, DefinitionUnavailable, NoSuchRevision
from deployments.repository import DefinitionRepository, RepositoryMissing, UnknownRevision
from inventory.core.host_view import HostView
from inventory.models import Host
from inventory.queries.hosts import host_view

KEPT = 8
_SHORT = re.compile(r"[0-9a-f]{7,40}")
_parsed: OrderedDict[str, Definition] = OrderedDict()
_lock = threading.Lock()


def repository() -> DefinitionRepository:
    """A handle of its own for each caller (a handle is for one thread); raises DefinitionUnavailable."""
    try:
        return DefinitionRepository(settings.DEFINITION_PATH)
    except RepositoryMissing as error:
        raise DefinitionUnavailable(
            "There is no definition yet. Make one with `manage.py init_definition`, or set DEFINITION_URL."
        ) from error


def head_revision() -> str:
    """The commit that main is at; raises DefinitionUnavailable while there is none."""
    try:
        return repository().head()
    except RepositoryMissing as error:
        raise DefinitionUnavailable(f"The definition has no commit yet: {error}") from error


def definition_at(revision: str) -> Definition:
    """The parsed definition; the last few are kept in this process, which is safe since a commit never changes.

    Raises DefinitionBroken with every problem of a tree that can't be parsed, and NoSuchRevision.
    """
    with _lock:
        if revision in _parsed:
            _parsed.move_to_end(revision)
            return _parsed[revision]
        previous = next(reversed(_parsed.values()), None)
    try:
        definition = parse_definition(repository().files(revision), previous)
    except UnknownRevision as error:
        raise NoSuchRevision(f"The definition has no revision {revision[:40]}.") from error
    except DefinitionError as error:
        raise DefinitionBroken(revision, error.problems) from error
    with _lock:
        _parsed[revision] = definition
        while len(_parsed) > KEPT:
            _parsed.popitem(last=False)
    return definition


def desired_for(definition: Definition, host: HostView) -> DesiredManifest:
    """Everything `host` should be by this definition."""
    return desired_manifest(definition, host)


def resolve_revision(text: str, *, pointer: str = "/revision") -> str:
    """The full id of a commit on main from its id, or from a beginning of it that is unambiguous.

    Raises Unprocessable, pointing at the field it came in. A commit that never was on main is nobody's
    definition: a branch that somebody pushed for review is not what hosts should be.
    """
    text = text.strip().lower()
    repo = repository()
    if _SHORT.fullmatch(text):
        try:
            found = str(repo.git.expand_id(text))
        except ValueError as error:
            if "ambiguous" in str(error):
                detail = f"{text} is the beginning of several revisions; write more of it"
                raise _bad_revision(pointer, detail) from None
            found = ""
        except KeyError:
            found = ""
        if found and repo.contains(found):
            return found
    raise _bad_revision(
        pointer, f"{text[:40]!r} is not a revision of the definition's main branch; see definition/revisions/"
    )


def _bad_revision(pointer: str, detail: str) -> Unprocessable:
    return Unprocessable(f"{pointer}: {detail}.", errors=[FieldError(pointer, detail)])


def check_declared(definition: Definition, resources: Sequence[str], hosts: Sequence[str]) -> None:
    """Raise Unprocessable for resources that the definition declares for none of these hosts (by name)."""
    declared: set[str] = set()
    for host in Host.objects.filter(name__in=hosts, state=Host.ACTIVE):
        declared.update(merge(definition, host_view(host)).resources)
    unknown = [resource for resource in resources if resource not in declared]
    if unknown:
        detail = "the revision does not declare it for any of these hosts"
        raise Unprocessable(
            f"/resources: {unknown[0][:200]}: {detail}.",
            errors=[FieldError(f"/resources/{resources.index(name)}", detail) for name in unknown[:100]],
        )
