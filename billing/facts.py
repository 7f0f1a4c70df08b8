"""The fact tables: plain SQL tables, partitioned by delivery.

A delivery is self-contained: its dimension rows carry small integers that mean something only
inside it, so a delivery is loaded without touching another, becomes visible by one pointer
(`BillingMonth.delivery`) and is dropped without a DELETE.

    billing_tag_set      tag_set -> tags, cost_categories           (jsonb objects, text to text)
    billing_cost_key     cost_key -> the dimensions of a line item but day and resource
    billing_resource     resource -> resource_id as billed, cost_id as joined
    billing_daily_cost   day x cost_key x resource -> measures      (resource 0: none)
    billing_rollup_cost  day x cost_key -> measures, where that has far fewer rows

The same amounts once more, summed for the questions that are asked most, so that twelve months
answer at once; each adds up to the delivery's total:

    billing_service_cost   day x SERVICE_DIMENSIONS -> measures
    billing_dimension_cost day x ROLLUP_DIMENSIONS x one other dimension -> measures, for each
                           dimension (by its name in `dimensions`) where that has far fewer rows,
                           and for none
    billing_whole_cost     day x WHOLE_DIMENSIONS x one other dimension -> measures of all accounts
                           together, for each dimension where that has far fewer rows, and for none
    billing_month_cost     DIMENSIONS x tag_set -> measures of the whole delivery
    billing_month_tag_cost TAG_DIMENSIONS x tag_set -> the same, where that has far fewer rows
    billing_month_service_cost  SERVICE_DIMENSIONS -> measures of the whole delivery
    billing_month_whole_cost    WHOLE_DIMENSIONS x one other dimension -> the same of the whole
                           delivery
    billing_resource_cost  cost_key x resource -> measures of the whole delivery

Absent text is '' and never null. Amounts are exact decimals in the currency of the cost key.
"""

from dataclasses import dataclass

MEASURE_COLUMNS = (
    "unblended_cost numeric NOT NULL",
    "net_unblended_cost numeric NOT NULL",
    "amortized_cost numeric NOT NULL",
    "net_amortized_cost numeric NOT NULL",
    "list_cost numeric NOT NULL",
    "usage_quantity numeric NOT NULL",
)
DIMENSIONS = (
    "payer_account_id",
    "account_id",
    "service",
    "region",
    "charge_type",
    "usage_type",
    "operation",
    "pricing_term",
    "billing_entity",
    "invoice_id",
    "currency",
)
ROLLUP_DIMENSIONS = ("payer_account_id", "account_id", "charge_type", "currency")
WHOLE_DIMENSIONS = ("service", "charge_type", "currency")
SERVICE_DIMENSIONS = ("payer_account_id", "account_id", "service", "charge_type", "currency")
TAG_DIMENSIONS = (*SERVICE_DIMENSIONS, "region")
# Bytes: PostgreSQL's indexes take hardly more. An ARN has 2,048 characters at the most.
LONGEST_INDEXED = 2_600


@dataclass(frozen=True)
class FactTable:
    """A partitioned table: its name, its columns after delivery_id, the indexes of a partition."""

    name: str
    columns: tuple[str, ...]
    indexes: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return the names of the columns after delivery_id."""
        return tuple(column.split()[0] for column in self.columns)

    def partition(self, delivery_id: int) -> str:
        """Return the name of a delivery's partition."""
        return f"{self.name}_{delivery_id}"

    @property
    def create_sql(self) -> str:
        """Return the statement that creates the partitioned parent."""
        columns = ",\n    ".join(("delivery_id bigint NOT NULL", *self.columns))
        return f"CREATE TABLE {self.name} (\n    {columns}\n) PARTITION BY LIST (delivery_id)"


TAG_SET = FactTable(
    "billing_tag_set",
    (
        "tag_set integer NOT NULL",
        "tags jsonb NOT NULL",
        "cost_categories jsonb NOT NULL",
    ),
)
COST_KEY = FactTable(
    "billing_cost_key",
    (
        "cost_key integer NOT NULL",
        *(f"{name} text NOT NULL" for name in DIMENSIONS),
        "tag_set integer NOT NULL",
    ),
)
RESOURCE = FactTable(
    "billing_resource",
    (
        "resource integer NOT NULL",
        "resource_id text NOT NULL",
        "cost_id text NOT NULL",
    ),
    ("cost_id",),
)
DAILY_COST = FactTable(
    "billing_daily_cost",
    (
        "day date NOT NULL",
        "cost_key integer NOT NULL",
        "resource integer NOT NULL",
        *MEASURE_COLUMNS,
    ),
    # Rows lie in the order of their cost keys: those of some are found without reading the others.
    ("resource", "cost_key"),
)
ROLLUP_COST = FactTable(
    "billing_rollup_cost",
    (
        "day date NOT NULL",
        "cost_key integer NOT NULL",
        *MEASURE_COLUMNS,
    ),
    ("cost_key",),
)
SERVICE_COST = FactTable(
    "billing_service_cost",
    (
        "day date NOT NULL",
        *(f"{name} text NOT NULL" for name in SERVICE_DIMENSIONS),
        *MEASURE_COLUMNS,
    ),
)
# Rows lie in this order: those of some values are found without reading the dimension's others.
_BY_VALUE = ("dimension, value",)
DIMENSION_COST = FactTable(
    "billing_dimension_cost",
    (
        'dimension text COLLATE "C" NOT NULL',
        "day date NOT NULL",
        *(f"{name} text NOT NULL" for name in ROLLUP_DIMENSIONS),
        "value text NOT NULL",
        *MEASURE_COLUMNS,
    ),
    _BY_VALUE,
)
_WHOLE_COLUMNS = (
    'dimension text COLLATE "C" NOT NULL',
    *(f"{name} text NOT NULL" for name in WHOLE_DIMENSIONS),
    "value text NOT NULL",
    *MEASURE_COLUMNS,
)
WHOLE_COST = FactTable("billing_whole_cost", ("day date NOT NULL", *_WHOLE_COLUMNS), _BY_VALUE)
MONTH_COST = FactTable(
    "billing_month_cost",
    (
        *(f"{name} text NOT NULL" for name in DIMENSIONS),
        "tag_set integer NOT NULL",
        *MEASURE_COLUMNS,
    ),
)
MONTH_TAG_COST = FactTable(
    "billing_month_tag_cost",
    (
        *(f"{name} text NOT NULL" for name in TAG_DIMENSIONS),
        "tag_set integer NOT NULL",
        *MEASURE_COLUMNS,
    ),
)
MONTH_SERVICE_COST = FactTable(
    "billing_month_service_cost",
    (*(f"{name} text NOT NULL" for name in SERVICE_DIMENSIONS), *MEASURE_COLUMNS),
)
MONTH_WHOLE_COST = FactTable("billing_month_whole_cost", _WHOLE_COLUMNS, _BY_VALUE)
RESOURCE_COST = FactTable(
    "billing_resource_cost",
    (
        "cost_key integer NOT NULL",
        "resource integer NOT NULL",
        *MEASURE_COLUMNS,
    ),
    ("resource",),
)
# A dimension is worth storing where its rows are so many times fewer than what would be read in
# their place: than the daily costs; in a month's sums, than the cost keys. So are months by tags.
FEWER = {
    DIMENSION_COST.name: 10,
    WHOLE_COST.name: 30,
    MONTH_WHOLE_COST.name: 2,
    MONTH_TAG_COST.name: 2,
}
FACT_TABLES = (
    TAG_SET,
    COST_KEY,
    RESOURCE,
    DAILY_COST,
    ROLLUP_COST,
    SERVICE_COST,
    DIMENSION_COST,
    WHOLE_COST,
    MONTH_COST,
    MONTH_TAG_COST,
    MONTH_SERVICE_COST,
    MONTH_WHOLE_COST,
    RESOURCE_COST,
)
