"""Classic load balancers are joined by their ARN: their names may come again in another region."""

from django.db import migrations

_BY_ARN = """
UPDATE billing_resource SET cost_id = resource_id
WHERE resource_id ~ '^arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/[^/]+$'
"""
_BY_NAME = """
UPDATE billing_resource SET cost_id = substring(resource_id FROM '[^/]+$')
WHERE resource_id ~ '^arn:[^:]*:elasticloadbalancing:[^:]*:[^:]*:loadbalancer/[^/]+$'
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0005_cost_centers_and_saved_reports")]

    operations = [migrations.RunSQL(_BY_ARN, _BY_NAME)]
