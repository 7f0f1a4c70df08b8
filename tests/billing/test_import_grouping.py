"""The quick pass over a Parquet file comes to the same as its line items, to the last digit."""

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.exact import added
from billing.importing import aggregate, numbering
from billing.importing.aggregate import Reader
from billing.importing.columns import Kind
from billing.importing.faults import room_faults
from billing.importing.formats import format_of
from billing.importing.readers import BillFile, open_file
from billing.importing.warehouse import Warehouse, warehouse
from connections.models import FileFormat
from organizations.runs import RunFailure

AMOUNTS = st.one_of(
    st.none(),
    st.sampled_from(
        [0.0, -0.0, 0.1, 1 / 3, 1e-18, 2.5e-11, 4e-10, 499_999.9999999999, 5e5, 1.2e15]
    ),
    st.integers(-(10**12), 10**12).map(lambda units: units / 1e10),
    st.floats(-1e6, 1e6, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-19),
)
TYPES = ["Usage", "Tax", "Credit", "Fee", "Refund", "SavingsPlanCoveredUsage", "Unheard"]
TAGS = [{}, {"Team": "red"}, {"Team": "blue"}, {"Team": "red", "Stage": ""}, {"red": "Team"}]
USAGE = {"line_item_line_item_type": "Usage", "line_item_operation": "RunInstances"}
DAYS = ["2026-10-01", "2026-10-02"]
ARN = "arn:aws:sqs:eu-west-1:111122223333:jobs"
LINE_ITEM = st.fixed_dictionaries(
    {
        "identity_time_interval": st.sampled_from(
            [f"{day}T0{hour}:00:00Z/{day}T0{hour + 1}:00:00Z" for day in DAYS for hour in (0, 7)]
        ),
        "line_item_resource_id": st.sampled_from([None, "", "i-1", ARN]),
        "product_region_code": st.sampled_from([None, "us-east-1"]),
        "tags": st.one_of(st.none(), st.sampled_from(TAGS)),
        "line_item_line_item_type": st.sampled_from(TYPES),
        "line_item_operation": st.sampled_from(["RunInstances", "EKSPod-EC2", None, ""]),
        "line_item_unblended_cost": AMOUNTS,
        "line_item_net_unblended_cost": AMOUNTS,
        "pricing_public_on_demand_cost": AMOUNTS,
        "savings_plan_savings_plan_effective_cost": AMOUNTS,
    }
)


def exact(value: float | None) -> Decimal:
    """The shortest decimal that means the double, as AWS wrote it; absent is nothing."""
    if value is None:
        return Decimal(0)
    return Decimal(repr(value)).quantize(Decimal("1e-20"))


def write(path: Path, items: list[dict[str, Any]]) -> None:
    constant = {
        "identity_time_interval": "2026-10-01T00:00:00Z/2026-10-01T01:00:00Z",
        "line_item_currency_code": "USD",
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_account_id": "111122223333",
        # Whoever says what a plan's fee covers has these columns, filled or not.
        "savings_plan_total_commitment_to_date": None,
        "savings_plan_used_commitment": None,
    }
    columns = {
        name: pa.array([item.get(name, constant.get(name)) for item in items], type_of(name))
        for name in constant | items[0]
    }
    pq.write_table(pa.table(columns), path, row_group_size=5)


def type_of(name: str) -> pa.DataType:
    if name in ("tags", "cost_category"):
        return pa.map_(pa.string(), pa.string())
    is_double = name.rsplit("_", 1)[-1] in {"cost", "commitment", "date"}
    return pa.float64() if is_double else pa.string()


def counted(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for item in items if item["line_item_operation"] != "EKSPod-EC2"]


def key(item: dict[str, Any]) -> tuple[str, ...]:
    """What cost items are told apart by; an ARN names the region where no column does."""
    resource = item["line_item_resource_id"] or ""
    return (
        item["identity_time_interval"][:10],
        resource,
        item["product_region_code"] or ("eu-west-1" if resource == ARN else ""),
        item["line_item_line_item_type"],
        json.dumps(item["tags"] or {}),
    )


def read(house: Warehouse, *files: BillFile) -> None:
    reader = Reader(house)
    for file in files:
        reader.add(file)
    reader.finish()


def unblended(item: dict[str, Any]) -> Decimal:
    return exact(item["line_item_unblended_cost"])


def net(item: dict[str, Any]) -> Decimal:
    given = item["line_item_net_unblended_cost"]
    is_known = item["line_item_line_item_type"] != "Unheard"
    return unblended(item) if given is None or not is_known else exact(given)


def amortized(item: dict[str, Any]) -> Decimal:
    if item["line_item_line_item_type"] == "SavingsPlanCoveredUsage":
        return exact(item["savings_plan_savings_plan_effective_cost"])
    return unblended(item)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    parts=st.lists(st.lists(LINE_ITEM, min_size=1, max_size=20), min_size=1, max_size=4),
    many=st.sampled_from([1, 10, 300_000]),
)
def test_groups_add_up_to_their_line_items(
    parts: list[list[dict[str, Any]]], many: int, tmp_path: Path
) -> None:
    """However a month is cut into files, and however many groups wait for the rules."""
    for number, part in enumerate(parts):
        write(tmp_path / f"{number}.parquet", part)
    items = [item for part in parts for item in part]
    with warehouse(format_of("cur2"), tmp_path) as house, patch.object(aggregate, "_MANY", many):
        paths = [tmp_path / f"{number}.parquet" for number in range(len(parts))]
        read(house, *(open_file(one, one.name, FileFormat.PARQUET) for one in paths))
        found = house.rows(
            "SELECT CAST(day AS VARCHAR), resource_id, region, charge_type,"
            " coalesce(nullif(tags, ''), '{}'), sum(unblended_cost), sum(net_unblended_cost),"
            " sum(amortized_cost), CAST(sum(line_items) AS INTEGER) FROM items GROUP BY ALL"
        )
        control = dict(house.control.totals)
    expected: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for item in counted(items):
        expected[key(item)].append(item)
    assert {(*row[:4], json.dumps(json.loads(row[4]))): row[5:] for row in found} == {
        group: (
            *(added(map(rule, found)) for rule in (unblended, net, amortized)),
            len(found),
        )
        for group, found in expected.items()
    }
    assert added(control.values()) == added(map(unblended, counted(items)))


def test_a_tag_is_not_taken_for_a_cost_category_that_is_named_as_it_is(tmp_path: Path) -> None:
    web, live = {"Team": "web"}, {"Stage": "live"}
    maps = [(web, {}), ({}, web), (web, live), (web | live, {}), ({}, web | live)]
    items = [
        USAGE | {"tags": tags, "cost_category": categories, "line_item_unblended_cost": 10.0**cost}
        for cost, (tags, categories) in enumerate(maps)
    ]
    write(tmp_path / "1.parquet", items)
    with warehouse(format_of("cur2"), tmp_path) as house:
        read(house, open_file(tmp_path / "1.parquet", "a file", FileFormat.PARQUET))
        found = house.rows("SELECT tags, cost_categories, unblended_cost FROM items")

    assert {(tags, categories, int(cost)) for tags, categories, cost in found} == {
        (*(json.dumps(one, separators=(",", ":")) for one in pair), 10**cost)
        for cost, pair in enumerate(maps)
    }


def test_many_files_with_amounts_of_all_sizes_add_up(tmp_path: Path) -> None:

    amounts = [1e-18 if number == 7 else number / 1e10 for number in range(80)]
    with warehouse(format_of("cur2"), tmp_path) as house:
        files = []
        for number, amount in enumerate(amounts):
            path = tmp_path / f"{number}.parquet"
            write(path, [{**USAGE, "line_item_unblended_cost": amount}])
            files.append(open_file(path, str(number), FileFormat.PARQUET))
        read(house, *files)
        found = house.rows(
            "SELECT sum(unblended_cost), CAST(sum(line_items) AS INTEGER) FROM items"
        )
        assert found == [(added(map(exact, amounts)), len(amounts))]
        assert house.rows_read == len(amounts)


def test_a_column_named_as_the_number_of_a_row_misleads_nobody(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    usual = {**USAGE, "line_item_unblended_cost": 1.5}
    items = [
        {**usual, "File_Row_Number": "0", "line_item_resource_id": "i-1"},
        {**usual, "File_Row_Number": "0", "line_item_resource_id": "i-2"},
    ]
    write(path, items)
    with warehouse(format_of("cur2"), tmp_path) as house:
        read(house, open_file(path, "part", FileFormat.PARQUET))
        found = house.rows("SELECT resource_id, unblended_cost FROM items ORDER BY 1")
    assert found == [("i-1", Decimal("1.5")), ("i-2", Decimal("1.5"))]


@pytest.mark.parametrize("tags", [None, {}])
def test_maps_without_a_tag_are_as_good_as_none(tags: Any, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    normalised = {"user_team": "red"}
    table = pa.table(
        {
            **{
                name: pa.array([value])
                for name, value in {
                    **USAGE,
                    "identity_time_interval": "2026-10-01T00:00:00Z/2026-10-01T01:00:00Z",
                    "line_item_currency_code": "USD",
                    "line_item_product_code": "AmazonEC2",
                    "line_item_unblended_cost": 2.0,
                    "line_item_usage_account_id": "111122223333",
                }.items()
            },
            "tags": pa.array([tags], type_of("tags")),
            "resource_tags": pa.array([normalised], type_of("tags")),
        }
    )
    pq.write_table(table, path)
    file = open_file(path, "part", FileFormat.PARQUET)
    assert file.columns["tags"].kind is Kind.EMPTY
    with warehouse(format_of("cur2"), tmp_path) as house:
        read(house, file)
        ((found,),) = house.rows("SELECT tags FROM items")
    assert json.loads(found) == normalised


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_what_is_no_amount_is_named(value: float, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    items = [
        {
            "line_item_line_item_type": "Usage",
            "line_item_operation": "",
            "line_item_unblended_cost": x,
        }
        for x in (1.0, value)
    ]
    write(path, items)
    with (
        warehouse(format_of("cur2"), tmp_path) as house,
        pytest.raises(RunFailure, match=r"line_item_unblended_cost (of part )?holds"),
    ):
        read(house, open_file(path, "part", FileFormat.PARQUET))


def test_what_lacks_memory_is_done_again_with_all_of_it(tmp_path: Path) -> None:
    with warehouse(format_of("cur2"), tmp_path) as house:
        (limit,) = house.rows("SELECT current_setting('memory_limit')")
        assert house.value("SELECT len(list(range)) FROM range(12_000_000)") == 12_000_000
        assert house.rows("SELECT current_setting('memory_limit')") != [limit]


def test_too_little_memory_is_not_told_as_a_full_disk(tmp_path: Path) -> None:
    with (
        warehouse(format_of("cur2"), tmp_path) as house,
        pytest.raises(RunFailure, match="does not fit into the 400MB of memory"),
        room_faults(house),
    ):
        house.execute("SELECT list(range) FROM range(100_000_000)")


def test_what_the_rules_make_too_large_is_told(tmp_path: Path) -> None:
    """Each amount has room, but not what a commitment left unused."""
    path = tmp_path / "part.parquet"
    amounts = {
        "line_item_unblended_cost": 0,
        "savings_plan_used_commitment": -9 * 10**17,
        "savings_plan_total_commitment_to_date": 9 * 10**17,
        "savings_plan_savings_plan_effective_cost": 0,
    }
    texts = {
        "identity_time_interval": "2026-10-01T00:00:00Z/2026-10-01T01:00:00Z",
        "line_item_currency_code": "USD",
        "line_item_line_item_type": "SavingsPlanRecurringFee",
        "line_item_operation": "",
        "line_item_product_code": "ComputeSavingsPlans",
        "line_item_usage_account_id": "111122223333",
        "savings_plan_savings_plan_a_r_n": "arn",
    }
    columns = {name: pa.array([value], pa.int64()) for name, value in amounts.items()}
    columns |= {name: pa.array([value]) for name, value in texts.items()}
    pq.write_table(pa.table(columns), path)
    file = open_file(path, "part", FileFormat.PARQUET)
    with (
        warehouse(format_of("cur2"), tmp_path) as house,
        pytest.raises(RunFailure, match="part cannot be read: an amount is too large"),
    ):
        read(house, file)


def test_files_of_the_same_columns_are_read_alike(tmp_path: Path) -> None:
    """However many values each of them lacks: the rules are planned once for all of them."""
    usual = {**USAGE, "line_item_unblended_cost": 1.5, "product_region_code": "us-east-1"}
    with warehouse(format_of("cur2"), tmp_path) as house:
        reader = Reader(house)
        for number, regions in enumerate((["us-east-1"], ["us-east-1", None], [None, None, "x"])):
            path = tmp_path / f"{number}.parquet"
            write(path, [{**usual, "product_region_code": region} for region in regions])
            reader.add(open_file(path, path.name, FileFormat.PARQUET))
        assert house.value("SELECT count(*) FROM items") == 0
        reader.finish()
        found = house.rows("SELECT region, sum(unblended_cost) FROM items GROUP BY 1 ORDER BY 1")
        assert house.value("SELECT count(DISTINCT label) FROM costs") == len(found)
    assert found == [("", Decimal("4.5")), ("us-east-1", 3), ("x", Decimal("1.5"))]


@pytest.mark.parametrize("at_once", [1, 7, 250_000])
def test_daily_costs_are_whole_and_in_order_however_many_are_grouped_at_once(
    at_once: int, tmp_path: Path
) -> None:
    items = [
        {
            **USAGE,
            "line_item_unblended_cost": number / 100,
            "line_item_resource_id": f"i-{number % 3}",
            "product_region_code": f"region-{number % 5}",
            "identity_time_interval": f"2026-10-0{1 + number % 2}T00:00:00Z/x",
        }
        for number in range(60)
    ]
    write(tmp_path / "part.parquet", items)
    with warehouse(format_of("cur2"), tmp_path) as house:
        read(house, open_file(tmp_path / "part.parquet", "part", FileFormat.PARQUET))
        numbering.number(house)
        with patch.object(numbering, "_GROUPED_AT_ONCE", at_once):
            numbering.make(house, "daily_cost")
        rows = house.rows("SELECT cost_key, resource, day FROM daily_cost ORDER BY rowid")
        found = house.rows(
            "SELECT CAST(day AS VARCHAR), region, resource_id, unblended_cost FROM daily_cost"
            " JOIN cost_key USING (cost_key) JOIN resource USING (resource)"
        )
    expected: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for item in items:
        group = (
            item["identity_time_interval"][:10],
            item["product_region_code"],
            item["line_item_resource_id"],
        )
        expected[group] += exact(item["line_item_unblended_cost"])
    assert rows == sorted(rows)
    assert {row[:3]: row[3] for row in found} == expected
    assert len(found) == len(expected)
