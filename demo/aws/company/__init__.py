"""The sample company: built anew, and always the same, whenever the pretend AWS starts."""

import datetime as dt
import json
import uuid

from demo.aws.app import PretendAws
from demo.aws.company import access, cast
from demo.aws.company.clock import Clock
from demo.aws.company.metrics import measure
from demo.aws.company.neglected import let_age, neglect
from demo.aws.company.resources import Builder, backdate
from demo.aws.company.spend import bills
from demo.bills.columns import cur2_columns
from demo.bills.delivery import CONFIGURATION, DataExport, deliver, put
from demo.bills.line_items import Bill


def build(app: PretendAws, endpoint: str, today: dt.date | None = None) -> None:
    """Make the accounts, their resources, and six months of bills. The AWS must be empty."""
    today = today or dt.datetime.now(dt.UTC).date()
    builder = Builder(endpoint, app.name_next_accounts)
    made = builder.build()
    made += neglect(builder)
    backdate(made, Clock(today).months[0])
    let_age(made)
    measure(made, today)
    export = _create_export(builder)
    for bill in bills(made, today):
        delivery = deliver(export, bill, execution_id=_execution_id(bill, today))
        put(delivery, builder.client("s3", cast.PAYER, cast.BILLS_REGION))
        at = dt.datetime.now(dt.UTC).timestamp()
        app.exports.record_execution(cast.PAYER, export.arn, delivery.execution_id, at)
    app.journal.reset()


def _execution_id(bill: Bill, today: dt.date) -> str:
    """Another id exactly when the bill is another: a closed month keeps its id all month long."""
    through = today if not bill.invoice_id else today.replace(day=1)
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"larkspur/{cast.SEED}/{bill.period}/{through}"))


def _create_export(builder: Builder) -> DataExport:
    builder.create_bucket(cast.PAYER, cast.BILLS_REGION, cast.BILLS_BUCKET)
    s3 = builder.client("s3", cast.PAYER, cast.BILLS_REGION)
    policy = json.dumps(access.delivery_policy())
    s3.put_bucket_policy(Bucket=cast.BILLS_BUCKET, Policy=policy)
    columns = ", ".join(cur2_columns(CONFIGURATION))
    created = builder.client("bcm-data-exports", cast.PAYER).create_export(
        Export={
            "Name": cast.EXPORT_NAME,
            "DataQuery": {
                "QueryStatement": f"SELECT {columns} FROM COST_AND_USAGE_REPORT",  # noqa: S608
                "TableConfigurations": {"COST_AND_USAGE_REPORT": CONFIGURATION},
            },
            "DestinationConfigurations": {
                "S3Destination": {
                    "S3Bucket": cast.BILLS_BUCKET,
                    "S3Prefix": cast.BILLS_PREFIX,
                    "S3Region": cast.BILLS_REGION,
                    "S3OutputConfigurations": {
                        "OutputType": "CUSTOM",
                        "Format": "PARQUET",
                        "Compression": "PARQUET",
                        "Overwrite": "OVERWRITE_REPORT",
                    },
                }
            },
            "RefreshCadence": {"Frequency": "SYNCHRONOUS"},
        }
    )
    return DataExport(
        bucket=cast.BILLS_BUCKET,
        name=cast.EXPORT_NAME,
        account_id=cast.PAYER,
        prefix=cast.BILLS_PREFIX,
        arn=created["ExportArn"],
    )
