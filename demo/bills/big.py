"""Millions of hourly CUR 2.0 rows as Parquet, for measuring: one month in S3's layout in a folder.

    python -m demo.bills.big --rows 5000000 --folder .bench/s3 [--month 2026-10]

Like a real company's month: about 24 hourly rows for each daily one, 10 accounts and regions, 20
services, some 7,000 resources and 300 sets of tags. The same arguments give the same rows.
"""

import argparse
import datetime as dt
import json
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from demo.bills.columns import Columns, cur2_columns
from demo.bills.delivery import CONFIGURATION
from demo.bills.encoding import ARROW_TYPES, schema_of

ROWS_A_FILE = 1_000_000
BATCH = 100_000
CSV_ROWS_A_FILE = 250_000
PAYER = "111122223333"

# `n` numbers the rows, hour by hour as AWS more or less does: in hour `h` of the month each series
# `k`, which is one resource's one kind of use, has a row.
SERIES = """
SELECT n, n // {series} AS h, n % {series} AS k, hash(n % {series}) AS s, hash(n, 7) AS noise
FROM range({first}, {last}) t(n)
"""
FROM_SERIES: dict[str, str] = {
    "bill_bill_type": "'Anniversary'",
    "bill_billing_entity": "'AWS'",
    "bill_billing_period_start_date": "TIMESTAMP '{month}'",
    "bill_billing_period_end_date": "TIMESTAMP '{next_month}'",
    "bill_invoice_id": "'1610481516'",
    "bill_invoicing_entity": "'Amazon Web Services, Inc.'",
    "bill_payer_account_id": f"'{PAYER}'",
    "identity_line_item_id": "lower(substr(sha256(k::VARCHAR), 1, 52))",
    "identity_time_interval": "strftime(since, '%Y-%m-%dT%H:%M:%SZ') || '/' "
    "|| strftime(since + INTERVAL 1 HOUR, '%Y-%m-%dT%H:%M:%SZ')",
    "line_item_availability_zone": "region || chr((97 + s % 3)::INTEGER)",
    "line_item_blended_cost": "cost",
    "line_item_currency_code": "'USD'",
    "line_item_legal_entity": "'Amazon Web Services, Inc.'",
    "line_item_line_item_description": "'$' || (s % 90) || ' per unit of ' || usage_type",
    "line_item_line_item_type": "type",
    "line_item_net_unblended_cost": "round(cost * 0.94, 10)",
    "line_item_operation": "'Operation' || (s // 17) % 60",
    "line_item_product_code": "service",
    "line_item_resource_id": "resource",
    "line_item_unblended_cost": "cost",
    "line_item_unblended_rate": "'0.0200000000'",
    "line_item_usage_account_id": "account",
    "line_item_usage_amount": "round(cost * 50, 6)",
    "line_item_usage_start_date": "since",
    "line_item_usage_end_date": "since + INTERVAL 1 HOUR",
    "line_item_usage_type": "usage_type",
    "pricing_currency": "'USD'",
    "pricing_public_on_demand_cost": "round(cost * 1.1, 10)",
    "pricing_term": "'OnDemand'",
    "pricing_unit": "'Hrs'",
    "product": "MAP {{'product_name': service, 'region': region}}",
    "product_region_code": "region",
    "product_servicecode": "service",
    "product_usagetype": "usage_type",
    "resource_tags": "CASE WHEN tagset = 0 THEN MAP {{}} ELSE MAP {{"
    "'user_team': 'team-' || tagset % 12, 'user_environment': 'env-' || tagset % 5, "
    "'user_project': 'project-' || tagset}} END",
    "tags": "CASE WHEN tagset = 0 THEN MAP {{}} ELSE MAP {{"
    "'resourceTags/user:Team': 'team-' || tagset % 12, "
    "'resourceTags/user:Environment': 'env-' || tagset % 5, "
    "'resourceTags/user:Project': 'project-' || tagset}} END",
    "savings_plan_savings_plan_effective_cost": "CASE type WHEN 'SavingsPlanCoveredUsage' "
    "THEN round(cost * 0.72, 10) END",
    "savings_plan_savings_plan_a_r_n": "CASE type WHEN 'SavingsPlanCoveredUsage' "
    f"THEN 'arn:aws:savingsplans::{PAYER}:savingsplan/1' ELSE '' END",
}
REGIONS = (
    "['us-east-1', 'us-east-2', 'us-west-2', 'eu-west-1', 'eu-west-2', 'eu-central-1', "
    "'eu-north-1', 'ap-southeast-1', 'ap-northeast-1', 'sa-east-1']"
)
DERIVED = f"""
SELECT *,
    TIMESTAMP '{{month}}' + to_hours(h::BIGINT) AS since,
    (100000000000 + (s % 10) * 11111111111)::VARCHAR AS account,
    {REGIONS}[(s // 10 % 10 + 1)::INTEGER] AS region,
    CASE WHEN s % 5 < 2 THEN 'AmazonEC2' ELSE 'Service' || s // 3 % 19 END AS service,
    'UsageType:' || (s // 7 % 120) AS usage_type,
    'arn:aws:service:::resource/' || lpad((s % 7000)::VARCHAR, 17, '0') AS resource,
    (s // 11) % 300 AS tagset,
    CASE WHEN s % 10 = 0 THEN 'SavingsPlanCoveredUsage' ELSE 'Usage' END AS type,
    round(0.001 + (s % 1000) / 5000.0 * (0.9 + (noise % 1000) / 5000.0), 10) AS cost
FROM ({SERIES})
"""  # noqa: S608 - our own text


def write(rows: int, folder: Path, month: dt.date, *, bucket: str = "big") -> Path:
    """Write the files and the manifest of one month under folder/bucket; the manifest's path."""
    columns = cur2_columns(CONFIGURATION | {"TIME_GRANULARITY": "HOURLY"})
    period, root = f"BILLING_PERIOD={month:%Y-%m}", folder / bucket / "exports" / "big"
    data = root / "data" / period
    data.mkdir(parents=True, exist_ok=True)
    keys = []
    for number, first in enumerate(range(0, rows, ROWS_A_FILE), 1):
        path = data / f"big-{number:05d}.snappy.parquet"
        _write_file(path, columns, month, (first, min(first + ROWS_A_FILE, rows)), rows)
        keys.append(f"s3://{bucket}/{path.relative_to(folder / bucket)}")
    manifest = root / "metadata" / period / "big-Manifest.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    listed = [{"name": n, "type": k.replace("map_double", "map")} for n, k in columns.items()]
    contents = {
        "executionId": f"00000000-0000-4000-8000-{rows:012d}",
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/big-0",
        "columns": listed,
        "dataFiles": keys,
    }
    manifest.write_text(json.dumps(contents))
    return manifest


def write_csv(parquet: Path, rows: int, folder: Path, *, bucket: str = "big") -> Path:
    """Write the first rows of a Parquet file again as AWS's gzip CSV; the manifest's path.

    It is another export, named `big-csv`, beside the one that `write` makes.
    """
    period = parquet.parent.name
    root = folder / bucket / "exports" / "big-csv"
    data, metadata = root / "data" / period, root / "metadata" / period
    for place in (data, metadata):
        place.mkdir(parents=True, exist_ok=True)
    source = f"read_parquet('{parquet}')"
    keys = []
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        columns = [row[:2] for row in database.execute(f"DESCRIBE FROM {source}").fetchall()]
        selected = ", ".join(_as_csv(*column) for column in columns)
        for number, first in enumerate(range(0, rows, CSV_ROWS_A_FILE), 1):
            path = data / f"big-csv-{number:05d}.csv.gz"
            database.execute(
                f"COPY (SELECT {selected} FROM {source} LIMIT {CSV_ROWS_A_FILE} OFFSET {first})"  # noqa: S608 - our own columns
                f" TO '{path}' (FORMAT csv, HEADER, COMPRESSION gzip)"
            )
            keys.append(f"s3://{bucket}/{path.relative_to(folder / bucket)}")
    manifest = metadata / "big-csv-Manifest.json"
    contents = {
        "executionId": f"00000000-0000-4000-9000-{rows:012d}",
        "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/big-csv-0",
        "columns": [{"name": name, "type": "string"} for name, _ in columns],
        "dataFiles": keys,
    }
    manifest.write_text(json.dumps(contents))
    return manifest


def _as_csv(name: str, kind: str) -> str:
    """Return SQL for a column as AWS writes it: maps as JSON, times in ISO 8601."""
    if kind.startswith("MAP"):
        return f"CAST(to_json({name}) AS VARCHAR) AS {name}"
    if kind.startswith("TIMESTAMP"):
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%S.000Z') AS {name}"
    return name


def _write_file(
    path: Path, columns: Columns, month: dt.date, numbers: tuple[int, int], rows: int
) -> None:
    next_month = (month + dt.timedelta(days=32)).replace(day=1)
    series = -(-rows // ((next_month - month).days * 24))
    selected = ", ".join(f"{FROM_SERIES.get(name, 'NULL')} AS {name}" for name in columns)
    query = f"SELECT {selected} FROM ({DERIVED})".format(  # noqa: S608 - our own columns
        month=month, next_month=next_month, series=series, first=numbers[0], last=numbers[1]
    )
    schema = schema_of(columns)
    with (
        duckdb.connect() as database,
        pq.ParquetWriter(path, schema, compression="snappy") as writer,
    ):
        database.execute("SET TimeZone = 'UTC'")
        for batch in database.sql(query).to_arrow_reader(BATCH):
            writer.write_batch(_typed(batch, columns, schema))


def _typed(batch: pa.RecordBatch, columns: Columns, schema: pa.Schema) -> pa.RecordBatch:
    """With AWS's types: DuckDB gives microseconds without a zone, and 32-bit nulls."""
    arrays = []
    for name, kind in columns.items():
        wanted, column = ARROW_TYPES[kind], batch.column(name)
        if column.null_count == len(column):
            arrays.append(pa.nulls(len(column), wanted))
        elif pa.types.is_timestamp(wanted):
            arrays.append(column.cast(pa.timestamp("ms")).cast(wanted))
        else:
            arrays.append(column.cast(wanted))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.bills.big", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--month", default="2026-10")
    options = parser.parse_args()
    started = time.monotonic()
    month = dt.date.fromisoformat(f"{options.month}-01")
    manifest = write(options.rows, options.folder, month)
    print(f"{options.rows:,} rows, {time.monotonic() - started:.1f} s: {manifest}")


if __name__ == "__main__":
    main()
