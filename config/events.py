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
    ],
    "change.voided": ["drift.services.decision_events.return_voided_decision"],
    "change.logged": ["drift.services.explanations.explain_by_change"],
    "job.finished": [
        "drift.services.scans.finish_scan",
        "drift.services.decision_events.finish_fold_back_job",
        "drift.services.adoption_events.follow_adoption_job",
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
