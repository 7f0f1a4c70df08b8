"""The partitioned fact tables (billing.facts), which Django's models do not describe."""

from django.db import migrations

from billing.facts import (
    DIMENSION_COST,
    FACT_TABLES,
    MONTH_SERVICE_COST,
    MONTH_TAG_COST,
    MONTH_WHOLE_COST,
    WHOLE_COST,
)

_LATER = (DIMENSION_COST, MONTH_SERVICE_COST, WHOLE_COST, MONTH_WHOLE_COST, MONTH_TAG_COST)


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [
        migrations.RunSQL(table.create_sql, f"DROP TABLE {table.name}")
        for table in FACT_TABLES
        if table not in _LATER
    ]
