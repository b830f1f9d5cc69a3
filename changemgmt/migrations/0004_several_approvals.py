"""The guard of changes, for several approvals, and for what is approved after it was done.

- A change becomes approved (or accepted, when it was done first) only with as many live approvals of its digest, of
  different people, as it needs.
- While a verdict stands, neither what it bound nor how many are needed can change beneath it.
"""

from django.db import migrations

GUARD = """
CREATE OR REPLACE FUNCTION changemgmt_change_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (
            NEW.requested_by_id <> OLD.requested_by_id OR NEW.owner_id <> OLD.owner_id
            OR NEW.made_by <> OLD.made_by OR NEW.digest <> OLD.digest
            OR NEW.approvals_needed < OLD.approvals_needed
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

BEFORE = """
CREATE OR REPLACE FUNCTION changemgmt_change_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (
            NEW.requested_by_id <> OLD.requested_by_id OR NEW.owner_id <> OLD.owner_id
            OR NEW.made_by <> OLD.made_by OR NEW.digest <> OLD.digest
        ) AND EXISTS (SELECT FROM changemgmt_approval WHERE change_id = NEW.id AND voided_at IS NULL) THEN
        RAISE EXCEPTION 'a live approval binds this change: void it first'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'change_is_bound_by_its_approval';
    END IF;
    IF NEW.state = 'approved' AND (TG_OP = 'INSERT' OR OLD.state <> 'approved') AND NOT EXISTS (
            SELECT FROM changemgmt_approval
            WHERE change_id = NEW.id AND voided_at IS NULL AND verdict = 'approved' AND digest = NEW.digest
        ) THEN
        RAISE EXCEPTION 'a change is approved by an approval of its digest only'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'change_is_approved_by_somebody';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("changemgmt", "0003_record")]

    operations = [migrations.RunSQL(GUARD, BEFORE)]
