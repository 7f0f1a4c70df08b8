"""The SQL and the Python that normalise resource ids agree."""

import duckdb
import pytest

from billing.importing.cost_ids import NORMALISED_ID_SQL
from connections.resource_costs import normalised_id

IDS = [
    "i-0f2dead076354a419",
    "my-bucket",
    "arn:aws:ec2:eu-west-1:111122223333:instance/i-0f2dead076354a419",
    "arn:aws:ec2:eu-west-1:111122223333:elastic-ip/eipalloc-1",
    "arn:aws:ec2:eu-west-1:111122223333:odd",
    "arn:aws:ec2:eu-west-1:111122223333:odd/",
    "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/web/1a",
    "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/classic",
    "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/tg/1",
    "arn:aws:s3:::my-bucket",
    "arn:aws:s3:::my:odd/bucket",
    "arn:aws:rds:eu-west-1:111122223333:db:mysql",
    "arn:aws:sns:us-east-1:1:topic",
    "arn:aws:s3::short",
    "arn:",
    "arn:aws-cn:ec2:cn-north-1:1:volume/vol-1\nwith a second line",
    "",
]


@pytest.mark.parametrize("resource_id", IDS)
def test_sql_and_python_normalise_alike(resource_id: str) -> None:
    with duckdb.connect() as database:
        row = database.execute(
            f"SELECT {NORMALISED_ID_SQL} FROM (SELECT ? AS resource_id)",  # noqa: S608 - ours
            [resource_id],
        ).fetchone()

    assert row == (normalised_id(resource_id),)
