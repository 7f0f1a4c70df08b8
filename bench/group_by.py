"""The baseline: DuckDB's bare GROUP BY by an import's keys, over local files, with two threads.

python -m bench.group_by [--once] FILE...   prints the best seconds of three, wall and processor
"""

import sys
import time

import duckdb

KEYS = (
    "substr(identity_time_interval, 1, 10)",
    "bill_payer_account_id",
    "line_item_usage_account_id",
    "line_item_product_code",
    "product_region_code",
    "line_item_line_item_type",
    "line_item_usage_type",
    "line_item_operation",
    "pricing_term",
    "bill_billing_entity",
    "bill_invoice_id",
    "line_item_currency_code",
    "line_item_resource_id",
    "tags",
    "cost_category",
)
SUMS = (
    "line_item_unblended_cost",
    "line_item_net_unblended_cost",
    "savings_plan_savings_plan_effective_cost",
    "pricing_public_on_demand_cost",
    "line_item_usage_amount",
)


def main(arguments: list[str]) -> None:
    times = 1 if "--once" in arguments else 3
    files = [one for one in arguments if one != "--once"]
    sums = ", ".join(f"sum({name})" for name in SUMS)
    with duckdb.connect(config={"threads": 2}) as database:
        best = min(_seconds(database, files, f"{', '.join(KEYS)}, {sums}") for _ in range(times))
    print(*best)


def _seconds(
    database: duckdb.DuckDBPyConnection, files: list[str], selected: str
) -> tuple[float, float]:
    started, busy = time.monotonic(), time.process_time()
    database.execute(
        "CREATE OR REPLACE TABLE grouped AS"
        f" SELECT {selected} FROM read_parquet({files!r}) GROUP BY ALL"
    )
    return time.monotonic() - started, time.process_time() - busy


if __name__ == "__main__":
    main(sys.argv[1:])
