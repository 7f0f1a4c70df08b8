from typing import Any

from django.db import migrations

from billing.facts import DIMENSION_COST


def name_rows(apps: Any, schema_editor: Any) -> None:
    """Name what older deliveries have; nobody counted its rows."""
    deliveries = apps.get_model("billing", "Delivery").objects
    for delivery in deliveries.filter(rollup_rows={}).exclude(day_rollups=[]):
        delivery.rollup_rows = {DIMENSION_COST.name: dict.fromkeys(delivery.day_rollups, 0)}
        delivery.save(update_fields=["rollup_rows"])


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_whole_costs")]

    operations = [
        migrations.RunPython(name_rows, migrations.RunPython.noop),
        migrations.RemoveField(model_name="delivery", name="day_rollups"),
    ]
