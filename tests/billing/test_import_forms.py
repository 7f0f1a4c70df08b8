"""Every form in which AWS delivers a bill comes to what an independent computation says."""

import datetime as dt
import json
import uuid
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.importing.tags import tag_set
from billing.measures import Measure
from billing.models import BillingMonth, ServiceName
from connections.models import ExportSchema
from demo.bills import expected, focus, legacy
from demo.bills.delivery import Delivery, put
from demo.bills.legacy import Form, Layout, Report
from demo.bills.line_items import LineItem
from organizations.runs import RunState
from tests.billing import bills
from tests.billing.bills import usage
from tests.billing.test_import_exact import EXPECTED_NAME, rich_bill
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
AT = dt.datetime(2026, 5, 3, 12, 1, 25, tzinfo=dt.UTC)
SAMPLE = Path(__file__).parent.parent / "data" / "Oct2018-WorkshopCUR-00001.snappy.parquet"
BREAKDOWNS = (
    ("account",),
    ("service",),
    ("charge_type",),
    ("day",),
    ("region",),
    ("resource",),
    ("usage_type", "operation", "pricing_term", "billing_entity"),
    ("tag:aws:createdBy",),
    ("cost_category:team",),
    ("account", "service", "charge_type", "day", "tag:CostCenter"),
)
FORMS: dict[str, tuple[Form, Layout, bool]] = {
    "gzip, create-new, assembly ids of old": ("gzip", "create_new", True),
    "gzip, overwrite": ("gzip", "overwrite", False),
    "ZIP, create-new": ("zip", "create_new", False),
    "ZIP, overwrite": ("zip", "overwrite", False),
    "Parquet, create-new": ("parquet", "create_new", False),
    "Parquet, ATHENA": ("parquet", "athena", False),
}


def report(form: Form = "gzip", layout: Layout = "overwrite", *, old: bool = False) -> Report:
    return Report(
        bucket=bills.BUCKET,
        name="daily",
        account_id=bills.PAYER,
        prefix="cur",
        form=form,
        layout=layout,
        old_assembly_ids=old,
    )


def put_legacy(items: list[LineItem], made: Report, *, chunks: int = 1, **given: Any) -> Delivery:
    delivered = legacy.deliver(
        made, bills.bill(items, **given), at=AT, assembly_id=str(uuid.uuid4()), chunks=chunks
    )
    put(delivered, bills.s3())
    return delivered


def in_parquet(breakdown: tuple[str, ...]) -> tuple[str, ...]:
    """Legacy Parquet has normalised keys only."""
    spelled = {"tag:CostCenter": "tag:cost_center", "tag:aws:createdBy": "tag:aws_created_by"}
    return tuple(spelled.get(one, one) for one in breakdown)


@pytest.mark.parametrize("name", FORMS)
def test_a_legacy_report_comes_to_what_aws_bills(cast: Cast, aws: str, name: str) -> None:
    form, layout, old = FORMS[name]
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=ExportSchema.LEGACY_CUR)
    items = [*rich_bill(), usage("1.5", product_name="Amazon Elastic Compute Cloud")]
    put_legacy(items, report(form, layout, old=old), chunks=3)

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    assert look.export_total == look.portal_total == expected.total(items)
    assert look.rows_read == len(items)
    for measure, measure_name in EXPECTED_NAME.items():
        for breakdown in ((), *BREAKDOWNS):
            asked = in_parquet(breakdown) if form == "parquet" else breakdown
            wanted = expected.totals(items, measure_name, *breakdown)
            assert bills.facts(connection, measure, *asked) == wanted, (measure, breakdown)
    (month,) = look.months.all()
    assert any("SomethingNew" in warning for warning in month.warnings)
    assert bills.run_import(connection).state == RunState.UNCHANGED
    if form != "parquet":
        assert ServiceName.objects.of(cast.acme).get(code="AmazonEC2").name.startswith("Amazon El")


@pytest.mark.parametrize("form", ["gzip", "parquet"])
def test_columns_of_a_legacy_report_come_and_go(cast: Cast, aws: str, form: Form) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=ExportSchema.LEGACY_CUR)
    covered = usage(
        "10",
        type="SavingsPlanCoveredUsage",
        columns={"savings_plan_savings_plan_effective_cost": D("6.5")},
    )
    months = {
        dt.date(2026, 4, 1): [usage("1", tags={"user:A": "x"})],
        dt.date(2026, 5, 1): [usage("2", net_unblended_cost=D("1.5"), cost_categories={"c": "y"})],
        dt.date(2026, 6, 1): [covered, usage("-10", type="SavingsPlanNegation")],
    }
    for month, items in months.items():
        put_legacy(items, report(form), month=month)

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    for month, items in months.items():
        for measure, name in EXPECTED_NAME.items():
            wanted = expected.totals(items, name, "account")
            assert bills.facts(connection, measure, "account", month=month) == wanted, (
                month,
                measure,
            )


def test_tags_that_differ_by_case_alone_stay_apart(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=ExportSchema.LEGACY_CUR)
    odd = {"user:Team": "a \"b\", 'c'\nd", "user:team": "ü", "user:user_id": "7", "user:x/y": "z"}
    many = {f"user:t{number}": str(number) for number in range(300)}
    put_legacy([usage("1", tags=odd), usage("2", tags=many), usage("4")], report("zip"))

    bills.run_import(connection)

    for key, value in odd.items():
        assert bills.facts(connection, Measure.UNBLENDED, f"tag:{key[5:]}") == {
            (value,): D(1),
            ("",): D(6),
        }
    assert bills.facts(connection, Measure.UNBLENDED, "tag:t299") == {("299",): D(2), ("",): D(5)}


def test_a_real_month_comes_to_the_cent_that_is_known(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=ExportSchema.LEGACY_CUR)
    october = dt.date(2018, 10, 1)
    made = legacy.deliver(
        report("parquet", "athena"), bills.bill([usage("1")], october), at=AT, assembly_id="a"
    )
    (key,) = json.loads(made.files[made.manifest_key])["reportKeys"]
    made.files[key] = SAMPLE.read_bytes()
    put(made, bills.s3())

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    assert look.rows_read == 119_307
    assert look.export_total == look.portal_total
    totals = BillingMonth.objects.get(connection=connection).delivery.totals["USD"]
    assert round(D(totals["unblended_cost"]), 2) == D("4064.48")
    assert round(D(totals["amortized_cost"]), 2) == D("4195.96")


FOCUS_MEASURES = {
    Measure.UNBLENDED: focus.billed_cost,
    Measure.NET_UNBLENDED: focus.billed_cost,
    Measure.AMORTIZED: focus.effective_cost,
    Measure.NET_AMORTIZED: focus.effective_cost,
    Measure.LIST: focus.list_cost,
}
FOCUS_BREAKDOWNS = tuple(
    one for one in BREAKDOWNS if "pricing_term" not in one and "cost_category:team" not in one
)


def focus_value(item: LineItem, name: str) -> str:
    if name == "charge_type":
        return focus.charge_category(item)
    return expected.dimension(item, name)


@pytest.mark.parametrize("schema", [ExportSchema.FOCUS_1_0, ExportSchema.FOCUS_1_2])
@pytest.mark.parametrize("file_format", ["PARQUET", "TEXT_OR_CSV"])
def test_a_focus_export_comes_to_what_aws_bills(
    cast: Cast, aws: str, schema: str, file_format: str
) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=schema)
    items = [
        *rich_bill(),
        usage("3", tags={"user_id": "bare", "user:Ä": "ö"}, account_name="Shop", product_name="EC"),
    ]
    bills.put_bill(bills.bill(items), schema=schema, file_format=file_format, chunks=2)

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    kept = focus.kept(items)
    assert look.rows_read == len(kept)
    assert look.export_total == look.portal_total == sum(map(focus.billed_cost, kept))
    for measure, cost_of in FOCUS_MEASURES.items():
        for breakdown in ((), *FOCUS_BREAKDOWNS, ("tag:user_id",), ("tag:Ä",)):
            wanted: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
            for item in kept:
                wanted[tuple(focus_value(item, one) for one in breakdown)] += cost_of(item)
            assert bills.facts(connection, measure, *breakdown) == dict(wanted), breakdown
    assert not look.months.get().warnings
    if schema == ExportSchema.FOCUS_1_0:
        teams = bills.facts(connection, Measure.AMORTIZED, "cost_category:team")
        assert teams == {
            (team,): sum(focus.effective_cost(one) for one in kept if expected_team(one) == team)
            for team in {expected_team(one) for one in kept}
        }


def expected_team(item: LineItem) -> str:
    return expected.dimension(item, "cost_category:team")


def test_a_focus_category_that_nobody_knows_costs_what_is_billed(cast: Cast, aws: str) -> None:
    bills.make_bucket()
    connection = bills.connect(cast.acme, schema=ExportSchema.FOCUS_1_2)
    delivered = bills.put_bill(
        bills.bill([usage("3", list_cost=D(9))]), schema="focus_1_2", file_format="TEXT_OR_CSV"
    )
    (key,) = delivered.data_keys
    with_odd = bills.regzip(delivered.files[key], ",Usage,", ",Donation,")
    bills.s3().put_object(Bucket=bills.BUCKET, Key=key, Body=with_odd)
    bills.s3().put_object(
        Bucket=bills.BUCKET,
        Key=delivered.manifest_key,
        Body=delivered.files[delivered.manifest_key],
    )

    look = bills.run_import(connection)

    assert look.error is None, look.error["message"]
    for measure in Measure:
        assert bills.facts(connection, measure, "charge_type") == {("Donation",): D(3)}
    assert "Donation" in look.months.get().warnings[0]


def test_only_normalised_keys_lose_the_prefix_of_normalised_keys() -> None:
    as_cur = tag_set('{"user_a": "1", "resourceTags/user:user_b": "2"}', "")[0]
    assert json.loads(as_cur) == {"a": "1", "user_b": "2"}
    as_focus = tag_set('{"user_a": "1", "aws:createdBy": "2"}', "", normalised=False)[0]
    assert json.loads(as_focus) == {"user_a": "1", "aws:createdBy": "2"}


def test_a_tag_without_a_key_or_a_value_is_no_tag() -> None:
    assert tag_set('{"": "1", "resourceTags/": "2", "b": "", "c": null}', "null") == ("{}", "{}")
