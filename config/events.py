"""Who listens to what: facts flow up from lower apps to these consumers, by dotted path.

A consumer is a service `consume(*, event_id, type, subject_id, data)`; it runs at least once and is recorded
exactly once (see common.services.outbox). A job handler does one batch of a job (see common.services.jobs).
"""

EVENT_CONSUMERS: dict[str, list[str]] = {
    "deployment.reported": ["drift.services.bases.apply_deployment"],
    "change.approved": ["drift.services.decisions.begin_approved_decision"],
    "change.rejected": ["drift.services.decisions.reopen_rejected_decision"],
    "change.logged": ["drift.services.explanations.explain_by_change"],
    "job.finished": ["drift.services.scans.finish_scan", "drift.services.decisions.finish_fold_back_job"],
    "findings.committed": ["drift.services.scans.scan_for_proof"],
}

JOB_HANDLERS: dict[str, str] = {
    "scan": "drift.services.scan_batches.run_scan_batch",
    "move-base": "drift.services.bases.run_move_base_batch",
    "fold-back": "drift.services.fold_back.run_fold_back_batch",
}
