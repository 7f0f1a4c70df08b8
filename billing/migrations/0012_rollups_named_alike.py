"""Whether a delivery has the general rollup is said where its other ones are (rollup_rows)."""

from django.db import migrations

# Nobody counted the rows of what older deliveries have.
_NAME_IT = """
UPDATE billing_delivery
SET rollup_rows = rollup_rows || '{"billing_rollup_cost": {"": 0}}'
WHERE has_rollup
"""
_SAY_IT_APART = """
UPDATE billing_delivery
SET has_rollup = rollup_rows ? 'billing_rollup_cost',
    rollup_rows = rollup_rows - 'billing_rollup_cost'
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0011_months_by_tags")]

    operations = [
        migrations.RunSQL(_NAME_IT, _SAY_IT_APART),
        migrations.RemoveField(model_name="delivery", name="has_rollup"),
    ]
