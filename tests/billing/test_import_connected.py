"""Every kind of export: connected through the API, imported, and read through the API."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from billing import services
from billing.models import ImportRun
from demo.bills import legacy
from demo.bills.delivery import DataExport, Delivery, deliver, put
from demo.bills.legacy import Report
from organizations.access import Role
from tests.billing import bills
from tests.billing.bills import PAYER, usage
from tests.cast import Cast
from tests.connections.pretend import BUCKET, REGION, PretendAccount, body, payer

__all__ = ["payer"]

pytestmark = pytest.mark.django_db(transaction=True)
BILL = bills.bill([usage("1.000000000000001", account=PAYER), usage("2.5", account=PAYER, day=2)])
AT = dt.datetime(2026, 5, 3, 12, tzinfo=dt.UTC)


def of_legacy() -> Delivery:
    return legacy.deliver(Report(BUCKET, "old", PAYER, prefix="reports"), BILL, at=AT)


def of_focus(schema: Any) -> Delivery:
    return deliver(DataExport(BUCKET, "old", PAYER, prefix="reports", schema=schema), BILL)


EXPORTS = {
    "legacy_cur": of_legacy,
    "focus_1_0": lambda: of_focus("focus_1_0"),
    "focus_1_2": lambda: of_focus("focus_1_2"),
}


@pytest.mark.parametrize("schema", EXPORTS)
def test_an_export_connected_through_the_api_is_imported(
    cast: Cast, payer: PretendAccount, schema: str
) -> None:
    put(EXPORTS[schema](), payer.client("s3", REGION))
    api = cast.api(Role.OPERATOR)
    export = {"schema": schema, "name": "old", "prefix": "reports"}
    connected = api.post("/api/v1/connections/", body(payer.user(), export=export), format="json")
    assert connected.status_code == 201, connected.json()
    assert connected.json()["export"]["schema"] == schema

    asked = api.post(f"/api/v1/connections/{connected.json()['id']}/import/")
    assert asked.status_code == 202
    services.run_look(ImportRun.objects.get(pk=asked.json()["id"]), sender=None)

    told = api.get(f"/api/v1/imports/{asked.json()['id']}/").json()
    assert told["state"] == "succeeded", told["error"]
    assert told["export_total"] == told["portal_total"] == "3.500000000000001"
    costs = api.get("/api/v1/costs/?from=2026-04-01&to=2026-05-01&granularity=daily").json()
    assert [(row["period"], Decimal(row["amount"])) for row in costs["rows"]] == [
        ("2026-04-01", Decimal("1.000000000000001")),
        ("2026-04-02", Decimal("2.5")),
    ]
