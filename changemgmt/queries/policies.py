"""Which approvals changes take, by the policies that hold now."""

from changemgmt.core.requirements import Policy
from changemgmt.models import ApprovalPolicy


def active_policies() -> list[Policy]:
    """Every policy that holds, as the core reads them; in one query."""
    rows = ApprovalPolicy.objects.filter(is_active=True).values_list(
        "name", "environments", "kinds", "risks", "count", "role", "team__name", "team"
    )
    return [
        Policy(name, environments, kinds, risks, count, role, team or "", str(team_id or ""))
        for name, environments, kinds, risks, count, role, team, team_id in rows
    ]
