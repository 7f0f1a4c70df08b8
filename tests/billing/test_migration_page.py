"""The operators' page of a migration."""

import pytest

from billing import services
from connections.models import Connection, Export
from organizations.runs import Trigger
from tests.billing.bills import BUCKET, bill, connect, make_bucket, put_bill, run_import, usage
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_an_operator_migrates_step_by_step(aws: str, cast: Cast) -> None:
    make_bucket()
    put_bill(bill([usage("10.5")]))
    put_bill(bill([usage("12.25")]), name="new", prefix="v2")
    connection: Connection = connect(cast.acme)
    run_import(connection)
    oscar, url = cast.browser("oscar"), f"/admin/connections/migration/{connection.pk}/"
    link = oscar.get(f"/admin/connections/connection/{connection.pk}/change/").content.decode()
    assert url in link
    entered = {
        "step": "begin",
        "mode": "bucket_only",
        "schema": "cur2",
        "bucket": BUCKET,
        "place_prefix": "cur",
        "name": "daily",
        "region": "",
        "granularity": "daily",
        "file_format": "parquet",
    }
    refused = oscar.post(url, entered).content.decode()
    assert "is the export that is imported already" in refused
    assert 'value="daily"' in refused
    begun = oscar.post(url, {**entered, "place_prefix": "v2", "name": "new"}, follow=True)
    assert "nothing counts from it yet" in begun.content.decode()
    export = Export.objects.get(name="new")
    look = services.request_import(connection, Trigger.COMMAND, export=export, sender=None)
    services.run_look(look, sender=None)
    shown = oscar.get(url).content.decode()
    assert "$10.50" in shown
    assert "$12.25" in shown
    assert "$1.75" in shown
    assert "counts from the old export" in shown
    switched = oscar.post(url, {"step": "switch", "from": "2026-04"}, follow=True)
    assert "counts from the new export" in switched.content.decode()
    assert (
        "Choose the month"
        in oscar.post(url, {"step": "switch", "from": "soon"}, follow=True).content.decode()
    )
    assert "imported no more" in oscar.post(url, {"step": "finish"}, follow=True).content.decode()
    assert "There is no such step" in oscar.post(url, {"step": "x"}, follow=True).content.decode()
