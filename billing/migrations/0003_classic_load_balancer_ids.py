"""Classic load balancers are joined by their ARN: their names may come again in another region."""

from django.db import migrations

_IS_CLASSIC = "resource_id ~ '^arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/[^/]+$'"


class Migration(migrations.Migration):
    dependencies = [("billing", "0002_facts")]

    operations = [
        migrations.RunSQL(
            f"UPDATE billing_resource SET cost_id = resource_id WHERE {_IS_CLASSIC}",
            "UPDATE billing_resource SET cost_id = substring(resource_id FROM '[^/]+$')"
            f" WHERE {_IS_CLASSIC}",
        ),
    ]
