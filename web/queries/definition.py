"""The definition, read-only: its history, what one revision changed, its files. All of it reads Git."""

from dataclasses import dataclass

from common.core.errors import NotFound
from deployments.core.redaction import redact_definition
from deployments.queries.definitions import definition_at, head_revision, repository, resolve_revision
from deployments.repository import Revision
from web.core.patches import FilePatch, parse_patch

LOG = 50
MOST_FILES = 2_000
MOST_PATCHED = 100
LONGEST_FILE = 512 * 1024
# Trailers that name something with a page of its own.
_LINKS = {"Change": "web:change", "Finding": "web:finding"}


@dataclass(frozen=True)
class Trailer:
    key: str
    value: str
    url_name: str


@dataclass(frozen=True)
class History:
    head: str
    revisions: list[Revision]
    next_start: str
    files: int
    layers: list[str]


def history(start: str = "") -> History:
    """Revisions, newest first, from `start` or the head; raises DefinitionUnavailable."""
    head = head_revision()
    found = list(repository().log(LOG + 1, start=resolve_revision(start) if start else None))
    definition = definition_at(head)
    return History(
        head=head,
        revisions=found[:LOG],
        next_start=found[LOG].sha if len(found) > LOG else "",
        files=len(definition.files),
        layers=sorted(definition.layers),
    )


@dataclass(frozen=True)
class RevisionView:
    revision: Revision
    body: str
    trailers: list[Trailer]
    patches: list[FilePatch]
    more_patches: int
    binary: list[str]
    files: list[str]
    more_files: int
    is_head: bool

    @property
    def short(self) -> str:
        return self.revision.sha[:12]


def revision_view(text: str) -> RevisionView:
    """What a commit on main says and changed; raises Unprocessable for anything else."""
    sha = resolve_revision(text)
    repo = repository()
    found = repo.revision(sha)
    changes = repo.diff(found.parents[0] if found.parents else None, sha)
    patches = [one for change in changes[:MOST_PATCHED] for one in parse_patch(change.patch)]
    files = sorted(repo.files(sha))
    return RevisionView(
        revision=found,
        body=_body(found),
        trailers=[Trailer(key, value, _LINKS.get(key, "")) for key, value in found.trailers],
        patches=patches,
        more_patches=max(0, len(changes) - MOST_PATCHED),
        binary=[change.path for change in changes[:MOST_PATCHED] if not change.patch],
        files=files[:MOST_FILES],
        more_files=max(0, len(files) - MOST_FILES),
        is_head=sha == repo.head(),
    )


def _body(revision: Revision) -> str:
    """The message without its subject and trailers."""
    paragraphs = revision.message.strip().split("\n\n")[1:]
    if revision.trailers and paragraphs:
        paragraphs = paragraphs[:-1]
    return "\n\n".join(paragraphs)


@dataclass(frozen=True)
class FileView:
    sha: str
    path: str
    lines: list[str]
    redactions: int
    why_no_text: str = ""


def file_view(text: str, path: str) -> FileView:
    sha = resolve_revision(text)
    files = repository().files(sha)
    if path not in files:
        raise NotFound(f"There is no file {path[:200]} at {sha[:12]}.")
    content = files[path]
    if len(content) > LONGEST_FILE:
        return FileView(sha, path, [], 0, f"{len(content):,} bytes are too many for a page")
    try:
        found = redact_definition(content.decode())
    except UnicodeDecodeError:
        return FileView(sha, path, [], 0, "not text")
    return FileView(sha, path, found.text.split("\n"), found.count)
