"""Who listens to what: facts flow up from lower apps to these consumers, by dotted path.

A consumer is a service `consume(*, event_id, type, subject_id, data)`; it runs at least once and is recorded
exactly once (see common.services.outbox). A job handler does one batch of a job (see common.services.jobs).
"""

EVENT_CONSUMERS: dict[str, list[str]] = {
    "deployment.reported": ["drift.services.bases.apply_deployment"],
    "adoption.merged": ["drift.services.adoption_events.scan_adopted"],
    "change.approved": [
        "drift.services.decision_events.begin_approved_decision",
        "drift.services.adoption_events.merge_approved_adoption",
    ],
    "change.rejected": [
        "drift.services.decision_events.reopen_rejected_decision",
        "drift.services.adoption_events.return_refused_adoption",
    ],
    "change.withdrawn": [
        "drift.services.decision_events.reopen_rejected_decision",
        "drift.services.adoption_events.return_refused_adoption",
        "changemgmt.services.timeline.tell_of_change",
    ],
    "change.voided": ["drift.services.decision_events.return_voided_decision"],
    "change.imported": ["drift.services.explanations.explain_by_change"],
    "change.logged": ["drift.services.explanations.explain_by_change"],
    "change.transferred": ["changemgmt.services.timeline.tell_of_change"],
    "change.claimed": [
        "drift.services.explanations.explain_by_change",
        "changemgmt.services.timeline.tell_of_change",
    ],
    "change.started": [
        "drift.services.explanations.explain_by_change",
        "changemgmt.services.timeline.tell_of_change",
    ],
    "change.completed": ["changemgmt.services.timeline.tell_of_change"],
    "change.failed": ["changemgmt.services.timeline.tell_of_change"],
    "person.deactivated": [
        "changemgmt.services.transfers.hand_over_work",
        "changemgmt.services.incidents.hand_over_led",
        "drift.services.leaving.release_claims",
    ],
    "incident.opened": ["drift.services.incident_scans.scan_scope"],
    "incident.updated": ["drift.services.incident_scans.scan_scope"],
    "incident.reopened": ["drift.services.incident_scans.scan_scope"],
    "incident.closed": ["drift.services.incident_scans.scan_closed"],
    "job.finished": [
        "drift.services.scans.finish_scan",
        "drift.services.decision_events.finish_fold_back_job",
        "drift.services.adoption_events.follow_adoption_job",
        "drift.services.incident_scans.follow_scan",
    ],
    "finding.proven": ["drift.services.decision_events.withdraw_moot_decisions"],
    "finding.superseded": ["drift.services.decision_events.withdraw_moot_decisions"],
    "finding.unmanaged": ["drift.services.decision_events.withdraw_moot_decisions"],
    "finding.retired": ["drift.services.decision_events.withdraw_moot_decisions"],
    "host.decommissioned": ["drift.services.retirement.retire_host"],
    "host.reimaged": ["drift.services.retirement.restart_host"],
    "host.enrolled": ["drift.services.host_keys.look_again"],
    "findings.committed": ["drift.services.scans.scan_for_proof"],
}

# What there is to tell people of an event: `write(*, type, subject_id, data)` → messages, and whom each concerns.
NOTICE_WRITERS: dict[str, str] = {
    "change.logged": "changemgmt.queries.change_notices.write",
    "change.proposed": "changemgmt.queries.change_notices.write",
    "change.drafted": "changemgmt.queries.change_notices.write",
    "change.approved": "changemgmt.queries.change_notices.write",
    "change.accepted": "changemgmt.queries.change_notices.write",
    "change.rejected": "changemgmt.queries.change_notices.write",
    "change.disputed": "changemgmt.queries.change_notices.write",
    "change.voided": "changemgmt.queries.change_notices.write",
    "change.withdrawn": "changemgmt.queries.change_notices.write",
    "change.started": "changemgmt.queries.change_notices.write",
    "change.completed": "changemgmt.queries.change_notices.write",
    "change.failed": "changemgmt.queries.change_notices.write",
    "change.reviewed": "changemgmt.queries.change_notices.write",
    "change.claimed": "changemgmt.queries.change_notices.write",
    "change.transferred": "changemgmt.queries.change_notices.write",
    "change.commented": "changemgmt.queries.change_notices.write",
    "change.due": "changemgmt.queries.change_notices.write",
    "change.overdue": "changemgmt.queries.change_notices.write",
    "incident.opened": "changemgmt.queries.incident_notices.write_incident",
    "incident.updated": "changemgmt.queries.incident_notices.write_incident",
    "incident.closed": "changemgmt.queries.incident_notices.write_incident",
    "incident.reopened": "changemgmt.queries.incident_notices.write_incident",
    "incident.reviewed": "changemgmt.queries.incident_notices.write_incident",
    "window.created": "changemgmt.queries.incident_notices.write_window",
    "window.updated": "changemgmt.queries.incident_notices.write_window",
    "window.cancelled": "changemgmt.queries.incident_notices.write_window",
    "finding.unexplained": "drift.queries.finding_notices.write",
}
for _type in NOTICE_WRITERS:
    EVENT_CONSUMERS.setdefault(_type, []).append("changemgmt.services.notices.write_notices")

JOB_HANDLERS: dict[str, str] = {
    "credential-test": "deployments.services.credential_tests.run_credential_test_batch",
    "scan": "drift.services.scan_batches.run_scan_batch",
    "move-base": "drift.services.bases.run_move_base_batch",
    "fold-back": "drift.services.fold_back.run_fold_back_batch",
    "settle-fold-back": "drift.services.fold_back.run_settle_batch",
    "adopt": "drift.services.adoption_looks.run_adopt_batch",
    "plan-adoption": "drift.services.adoption_plans.run_plan_adoption_batch",
    "branch-adoption": "drift.services.adoption_commits.run_branch_batch",
    "merge-adoption": "drift.services.adoption_commits.run_merge_batch",
    "settle-adoption": "drift.services.adoption_commits.run_settle_adoption_batch",
}
