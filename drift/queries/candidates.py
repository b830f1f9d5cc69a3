"""Who probably made the change that a finding is: what its hosts tell, put together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from common.models import Person
from drift.models import Finding, Occurrence

_RANK = {"high": 0, "medium": 1, "low": 2}
MAX_SHOWN = 5
MAX_EVIDENCE = 6
SOURCES = {
    "auth.log": "auth log",
    "secure": "auth log",
    "apt": "apt history",
    "dpkg.log": "dpkg log",
    "audit": "audit log",
    "pacct": "process accounting",
    "yum.log": "yum log",
    "dnf.rpm.log": "dnf log",
    "apk.log": "apk log",
}


@dataclass
class CandidateRow:
    """One account. `person` is who has that username here, None where nobody has. `hosts` is on how many hosts it
    is a candidate; `evidence` has what speaks for it, each with a host's name."""

    login: str
    confidence: str
    person: Person | None
    hosts: int = 0
    at: datetime | None = None
    evidence: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Attribution:
    """`asked` is on how many hosts traces were asked for, `of` how many have the finding; `denied` and `read` name
    the sources that may not be read on some host, and those that were."""

    candidates: list[CandidateRow]
    asked: int
    of: int
    read: list[str]
    denied: list[str]

    @property
    def is_unknown(self) -> bool:
        """Whether nothing speaks clearly for anybody: at most that somebody was there at that time."""
        return all(row.confidence == "low" for row in self.candidates)


def attribution_of(finding: Finding) -> Attribution:
    """Candidates over all hosts that have the finding now (where none has it: those that had it), best first."""
    occurrences = list(
        finding.occurrences.filter(ended_at=None).select_related("host").order_by("host__name")
    ) or list(finding.occurrences.filter(life=finding.reopened).select_related("host").order_by("host__name"))
    rows: dict[str, CandidateRow] = {}
    for occurrence in occurrences:
        for candidate in occurrence.attribution.get("candidates", ()):
            _add(rows, occurrence, candidate)
    people = {
        person.username.casefold(): person
        for person in Person.objects.filter(
            username__in=[*rows, *(login.casefold() for login in rows)], is_active=True
        )
    }
    for row in rows.values():
        row.person = people.get(row.login.casefold())
    ranked = sorted(rows.values(), key=lambda row: (_RANK[row.confidence], -row.hosts, row.login))
    said = [occurrence.attribution.get("sources", {}) for occurrence in occurrences if occurrence.attribution]
    return Attribution(
        ranked[:MAX_SHOWN],
        len(said),
        len(occurrences),
        _sources(said, "read"),
        _sources(said, "denied"),
    )


def _add(rows: dict[str, CandidateRow], occurrence: Occurrence, candidate: dict[str, Any]) -> None:
    row = rows.setdefault(candidate["login"], CandidateRow(candidate["login"], candidate["confidence"], None))
    row.hosts += 1
    if _RANK[candidate["confidence"]] < _RANK[row.confidence]:
        row.confidence = candidate["confidence"]
    at = candidate.get("at")
    if at is not None and (row.at is None or at < row.at.timestamp()):
        row.at = datetime.fromtimestamp(at, UTC)
    for text in candidate["evidence"]:
        if len(row.evidence) < MAX_EVIDENCE:
            row.evidence.append((occurrence.host.name, text))


def _sources(said: Iterable[dict[str, str]], word: str) -> list[str]:
    return sorted(
        {SOURCES.get(name, name) for sources in said for name, how in sources.items() if how == word}
    )
