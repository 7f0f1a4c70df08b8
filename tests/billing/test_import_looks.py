"""A look at what is known already costs next to nothing."""

import datetime as dt

import pytest

from billing.importing.buckets import bucket_of
from billing.models import BillingMonth, Delivery, DeliveryState
from connections.aws.deliveries import list_manifests
from connections.models import ExportSchema
from organizations.runs import RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.test_import_forms import put_legacy, report
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = [dt.date(2025 + number // 12, number % 12 + 1, 1) for number in range(14)]


@pytest.mark.parametrize(
    ("schema", "most"),
    # A legacy report keeps each month in a folder of its own; the folders are one more.
    [(ExportSchema.CUR2, 1), (ExportSchema.LEGACY_CUR, len(MONTHS) + 1)],
)
def test_a_look_at_unchanged_months_takes_one_request_for_each_at_the_most(
    cast: Cast, aws: str, schema: ExportSchema, most: int
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=schema)
    for month in MONTHS:
        if schema == ExportSchema.CUR2:
            bills.put_bill(bills.bill([usage("1")], month))
        else:
            put_legacy([usage("1")], report(), month=month)
    export = connection.current_export
    assert export is not None
    for ref in list_manifests(bucket_of(export), export):
        delivery = Delivery.objects.create(
            export=export,
            billing_period=ref.billing_period,
            execution_id="known",
            manifest_key=ref.key,
            manifest_etag=ref.etag,
            state=DeliveryState.LOADED,
        )
        BillingMonth.objects.create(
            connection=connection, billing_period=ref.billing_period, delivery=delivery
        )
    bills.forget_requests(aws)

    look = bills.run_import(connection)

    assert look.state == RunState.UNCHANGED, look.error_message
    assert bills.asked_of_aws(aws) == {"s3:ListObjectsV2": most}
