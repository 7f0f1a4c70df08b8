from django.db import migrations, models

from billing.facts import MONTH_TAG_COST


class Migration(migrations.Migration):
    dependencies = [("billing", "0010_sums_by_cost_center")]

    operations = [
        migrations.RunSQL(MONTH_TAG_COST.create_sql, f"DROP TABLE {MONTH_TAG_COST.name}"),
        migrations.AlterField(
            model_name="delivery",
            name="rollup_rows",
            field=models.JSONField(
                default=dict,
                help_text="{table: {dimension or '': rows}} of what is stored only where it is worth it.",
            ),
        ),
    ]
