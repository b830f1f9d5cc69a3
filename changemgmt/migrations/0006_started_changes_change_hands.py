"""The guard of changes: what is being carried out may change hands without its approvals being void, but not into the
hands of somebody who gave one of them."""

from django.db import migrations

GUARD = """
CREATE OR REPLACE FUNCTION changemgmt_change_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (
            NEW.requested_by_id <> OLD.requested_by_id OR NEW.made_by <> OLD.made_by OR NEW.digest <> OLD.digest
            OR NEW.approvals_needed < OLD.approvals_needed
            OR NEW.owner_id <> OLD.owner_id AND (
                OLD.state <> 'started' OR EXISTS (
                    SELECT FROM changemgmt_approval
                    WHERE change_id = NEW.id AND voided_at IS NULL AND four_eyes AND approver_id = NEW.owner_id
                )
            )
        ) AND EXISTS (SELECT FROM changemgmt_approval WHERE change_id = NEW.id AND voided_at IS NULL) THEN
        RAISE EXCEPTION 'a live approval binds this change: void it first'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'change_is_bound_by_its_approval';
    END IF;
    IF NEW.state IN ('approved', 'accepted') AND (TG_OP = 'INSERT' OR OLD.state <> NEW.state) AND (
            SELECT count(DISTINCT approver_id) FROM changemgmt_approval
            WHERE change_id = NEW.id AND voided_at IS NULL AND verdict = 'approved' AND digest = NEW.digest
        ) < NEW.approvals_needed THEN
        RAISE EXCEPTION 'a change is approved by as many approvals of its digest as it needs'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'change_is_approved_by_somebody';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("changemgmt", "0005_search")]

    operations = [migrations.RunSQL(GUARD, migrations.RunSQL.noop)]
