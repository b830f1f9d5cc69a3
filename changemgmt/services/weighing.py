"""What follows from what a change says: what it takes over from its template, its risk, and the approvals that it takes."""

from collections.abc import Iterable, Sequence

from changemgmt.core import words
from changemgmt.core.conflicts import FREEZE
from changemgmt.core.filing import invalid
from changemgmt.core.requirements import Policy, approvals_needed, requirements_of
from changemgmt.core.risk import assess
from changemgmt.models import Change, ChangeTemplate
from changemgmt.queries.windows import conflicts_of
from changemgmt.services.records import digest_of


def fit_template(change: Change, template: ChangeTemplate, may: Iterable[str]) -> None:
    """Take over what was approved with the template; raises Invalid for what is not within it."""
    if template.approved_at is None or template.retired_at is not None:
        gone = "retired" if template.retired_at else "not approved yet"
        raise invalid("/template", f"{template.name} is {gone}: nothing can be made from it")
    change.template = template
    for name in ("plan", "backout"):
        said = getattr(change, name)
        if said and said != getattr(template, name):
            raise invalid(
                f"/{name}", "the template says this, and that was approved; file a normal change for another"
            )
        setattr(change, name, getattr(template, name))
    if not change.hosts:
        raise invalid("/hosts", f"say on which hosts of {template.selector} it is carried out")
    if beyond := sorted(set(change.hosts) - set(may)):
        raise invalid(
            "/hosts",
            f"{', '.join(beyond[:5])}: beyond what {template.name} is approved for ({template.selector})",
        )
    if template.resources and (beyond := sorted(set(change.resources) - set(template.resources))):
        raise invalid("/resources", f"{', '.join(beyond[:5])}: beyond what {template.name} is approved for")
    change.resources = change.resources or list(template.resources)


def weigh(change: Change, policies: Sequence[Policy]) -> None:
    """Set risk, the approvals that it takes, and the digest of what they bind, from what the change says. A plan for a
    time takes a query more: whether that is within a freeze."""
    said = change.risk_said
    if change.template_id is not None and change.template is not None:
        said = max(said, change.template.risk, key=lambda risk: words.RISKS.index(risk) if risk else -1)
    risk = assess(
        kind=change.kind,
        hosts=len(change.hosts),
        environments=change.environments,
        resources=change.resources,
        freeze=_freeze_at(change),
        has_backout=bool(change.backout),
        said=said,
    )
    change.risk, change.risk_reasons = risk.level, list(risk.reasons)
    change.requirements = requirements_of(
        policies, kind=change.kind, risk=change.risk, environments=change.environments
    )
    change.approvals_needed = approvals_needed(change.requirements)
    change.digest = digest_of(change)


def _freeze_at(change: Change) -> str:
    """The freeze that it is planned into, if any."""
    if change.planned_start is None or change.is_record:
        return ""
    found = conflicts_of(change.hosts, change.planned_start, change.planned_end, exclude=change)
    return next((f"{one.reference} ({one.title})" for one in found if one.kind == FREEZE), "")
