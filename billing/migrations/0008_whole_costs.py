from django.db import migrations, models

from billing.facts import MONTH_WHOLE_COST, WHOLE_COST


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_delivery_cost")]

    operations = [
        migrations.RunSQL(WHOLE_COST.create_sql, f"DROP TABLE {WHOLE_COST.name}"),
        migrations.RunSQL(MONTH_WHOLE_COST.create_sql, f"DROP TABLE {MONTH_WHOLE_COST.name}"),
        migrations.AddField(
            model_name="delivery",
            name="rollup_rows",
            field=models.JSONField(
                default=dict,
                help_text="{table: {dimension or '': rows}} of the tables that hold one dimension each.",
            ),
        ),
    ]
