"""Importing the history of another change system: told beforehand, then everything or nothing."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db import IntegrityError, transaction

from changemgmt.core import words
from changemgmt.core.history import History, HistoryRow, Problem
from changemgmt.core.texts import TITLE_LENGTH
from changemgmt.models import Change
from changemgmt.services.filing import Drawn, Filing, draw_up, keep, prepare_ground
from common.core import roles
from common.core.actor import Actor
from common.core.errors import Conflict, FieldError, FoldbackError, Invalid
from common.models import Person
from inventory.core.names import WORD_PATTERN

ACTION = "change.imported"


@dataclass(frozen=True)
class Imported:
    """What an import did, or (a preview) would do: new records in the file's order, and how many were there already."""

    changes: list[Change]
    known: int
    stand_ins: list[str]  # owners of the file whom nobody here is, and for whom `owner` stands in
    ignored: list[str]  # columns of the file


def import_history(
    *,
    actor: Actor,
    history: History,
    source: str,
    owner: Person | None = None,
    owners: Mapping[str, Person] | None = None,
    dry_run: bool = False,
) -> Imported:
    """Record what another system knows of changes. `source` is its name: with it, an `external_id` is imported once, by
    whomever and however often. Nobody has to approve history, and it reminds nobody.

    Owners go by username or e-mail address, or by `owners` (the file's name → person); for those nobody knows, and who
    have left, `owner` answers, and the description keeps who it was. Raises Invalid with every line that can't be
    taken, and then nothing is written.
    """
    roles.require(actor, "change.import")
    client = client_of_source(source)
    if history.problems:
        raise refusal(history.problems)
    known = set(_known(client, (row.cells["external_id"] for row in history.rows)))
    rows = [row for row in history.rows if row.cells["external_id"] not in known]
    found = {name.casefold(): person for name, person in (owners or {}).items()}
    found = _people(rows) | found
    drawn, stand_ins = _draw_up(actor, rows, found, owner, source)
    for one in drawn:
        one.change.client_id = client
    if drawn and not dry_run:
        try:
            with transaction.atomic():
                keep(actor=actor, drawn=drawn, action=ACTION)
        except IntegrityError as error:
            if "change_external_id_once" not in str(error):
                raise
            raise Conflict(
                "Somebody imported some of these just now. Nothing was written; do it again."
            ) from None
    return Imported([one.change for one in drawn], len(known), stand_ins, history.ignored)


def client_of_source(source: str) -> UUID:
    """Whose external ids those of another system are: everybody's who imports from it."""
    if not re.fullmatch(WORD_PATTERN, source):
        detail = "name the system it comes from in one word, such as servicenow"
        raise Invalid(f"/source: {detail}.", errors=[FieldError("/source", detail)])
    return uuid5(NAMESPACE_URL, f"foldback:import:{source.lower()}")


def refusal(problems: Iterable[Problem]) -> Invalid:
    problems = list(problems)
    what = "is one problem" if len(problems) == 1 else f"are {len(problems)} problems"
    return Invalid(
        f"Nothing was imported: there {what}. {problems[0]}.",
        errors=[FieldError("/text", str(problem)) for problem in problems],
    )


def _known(client: UUID, names: Iterable[str]) -> Iterable[str]:
    return Change.objects.filter(client_id=client, external_id__in=list(names)).values_list(
        "external_id", flat=True
    )


def _people(rows: Iterable[HistoryRow]) -> dict[str, Person]:
    """The people of this system, by username and e-mail address in lower case, who are named in these rows."""
    named = {row.cells["owner"].casefold() for row in rows if "owner" in row.cells}
    people = Person.objects.all() if named else Person.objects.none()
    return {
        key.casefold(): person
        for person in people
        for key in (person.email, person.username)
        if key and key.casefold() in named
    }


def _draw_up(
    actor: Actor, rows: list[HistoryRow], found: Mapping[str, Person], owner: Person | None, source: str
) -> tuple[list[Drawn], list[str]]:
    problems: list[Problem] = []
    stand_ins: dict[str, None] = {}
    filings: list[tuple[int, Filing]] = []
    for row in rows:
        named = row.cells.get("owner", "")
        person = found.get(named.casefold()) or owner
        if person is not None and not person.is_active:
            person = owner
        if person is None:
            who = f"nobody here is {named[:60]!r}" if named else "it has no owner"
            problems.append(Problem(row.line, f"{who}: say who answers for what is nobody's (owner)"))
            continue
        filing = _filing(row, person, source)
        if named and person is owner and found.get(named.casefold()) is not owner:
            stand_ins[named] = None
            kept = "\n\n".join(filter(None, [filing.description, f"Its owner in {source}: {named}"]))
            filing = replace(filing, description=kept)
        filings.append((row.line, filing))
    ground = prepare_ground(actor=actor, filings=[filing for _, filing in filings])
    drawn = []
    for line, filing in filings:
        try:
            drawn.append(draw_up(actor=actor, filing=filing, ground=ground))
        except FoldbackError as error:
            problems.append(Problem(line, error.detail.removesuffix(".")))
    if problems:
        raise refusal(sorted(problems, key=lambda problem: problem.line)[:200])
    return drawn, list(stand_ins)


def _filing(row: HistoryRow, owner: Person, source: str) -> Filing:
    cells = row.cells
    links = {"imported-from": source} | ({"ticket": cells["ticket"]} if "ticket" in cells else {})
    title = cells["title"]
    return Filing(
        # A longer title than fits is whole in the description.
        title=title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…",
        description=cells.get("description", "") if len(title) <= TITLE_LENGTH else _with_title(title, cells),
        reason=cells.get("reason", ""),
        kind=cells.get("kind", words.NORMAL).lower(),
        owner=owner,
        hosts=row.names("hosts"),
        resources=row.names("resources"),
        happened_at=row.happened_at,
        plan=cells.get("plan", ""),
        backout=cells.get("backout", ""),
        external_id=cells["external_id"],
        links=links,
        is_history=True,
    )


def _with_title(title: str, cells: Mapping[str, str]) -> str:
    return "\n\n".join(filter(None, [title, cells.get("description", "")]))
