"""Triggers that hold four eyes against code and against SQL alike.

- An approval's copies of requester, owner, makers and digest must be the change's own, so that the check
  constraint over them can't be dodged by copying something else.
- An approval is never edited or deleted; it can only be voided, once.
- While a live approval stands, what it bound can't be changed beneath it.
- A change becomes approved only with a live approval of its digest.
"""

from django.db import migrations

APPROVAL = """
CREATE FUNCTION changemgmt_approval_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bound changemgmt_change%ROWTYPE;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an approval is never deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.voided_at IS NOT NULL
            OR to_jsonb(NEW) - 'voided_at' - 'void_reason' <> to_jsonb(OLD) - 'voided_at' - 'void_reason' THEN
            RAISE EXCEPTION 'an approval can only be voided, once' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO bound FROM changemgmt_change WHERE id = NEW.change_id FOR SHARE;
    IF bound.requested_by_id <> NEW.requested_by_id OR bound.owner_id <> NEW.owner_id
        OR bound.made_by <> NEW.made_by OR bound.digest <> NEW.digest THEN
        RAISE EXCEPTION 'this approval does not say of its change what the change says'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'approval_is_of_its_change';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER changemgmt_approval_guard BEFORE INSERT OR UPDATE OR DELETE ON changemgmt_approval
    FOR EACH ROW EXECUTE FUNCTION changemgmt_approval_guard();
"""

CHANGE = """
CREATE FUNCTION changemgmt_change_guard() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER changemgmt_change_guard BEFORE INSERT OR UPDATE ON changemgmt_change
    FOR EACH ROW EXECUTE FUNCTION changemgmt_change_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("changemgmt", "0001_initial")]

    operations = [
        migrations.RunSQL(
            APPROVAL,
            "DROP TRIGGER changemgmt_approval_guard ON changemgmt_approval; DROP FUNCTION changemgmt_approval_guard();",
        ),
        migrations.RunSQL(
            CHANGE,
            "DROP TRIGGER changemgmt_change_guard ON changemgmt_change; DROP FUNCTION changemgmt_change_guard();",
        ),
    ]
