"""What is said of a delivery as a whole: totals, accounts, how far it reaches, what is odd."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.importing.columns import literal
from billing.importing.warehouse import Warehouse
from billing.measures import Measure


@dataclass(frozen=True)
class Summary:
    """What is said of a delivery as a whole.

    totals    {currency: {measure: amount}}
    accounts  (account, payer, currency, name, unblended cost, line items)
    days      the first and the last with a cost, in the month or not
    """

    totals: dict[str, dict[str, Decimal]]
    accounts: list[tuple[str, str, str, str, Decimal, int]]
    services: dict[str, str]
    data_through: date | None
    days: tuple[date | None, date | None]
    is_final: bool
    warnings: list[str]


def summary(house: Warehouse) -> Summary:
    """Return the sums and facts of the delivery; call it after all files were added."""
    _add_up(house)
    sums = ", ".join(f"sum({name})" for name in Measure.values)
    totals = {
        currency: dict(zip(Measure.values, values, strict=True))
        for currency, *values in house.rows(f"SELECT currency, {sums} FROM charged GROUP BY 1")
    }
    usage = ", ".join(literal(one) for one in sorted(house.bill_format.usage_types))
    used = f"charge_type IN ({usage})"
    unbilled = house.value("SELECT count(*) FROM labels WHERE invoice_id = ''")
    services = dict(
        house.rows(
            "SELECT service, any_value(service_name) FROM labels"
            " WHERE service <> '' AND service_name <> '' GROUP BY 1"
        )
    )
    accounts = house.rows(
        "SELECT account_id, payer_account_id, currency, max(account_name),"
        " sum(unblended_cost), CAST(sum(line_items) AS BIGINT) FROM charged GROUP BY 1, 2, 3"
    )
    return Summary(
        totals=totals,
        accounts=[
            (account, payer, currency, name or house.account_names.get(account, ""), cost, count)
            for account, payer, currency, name, cost, count in accounts
        ],
        services=services | house.service_names,
        data_through=house.value(f"SELECT max(last_day) FROM charged WHERE {used}"),
        days=house.rows("SELECT min(first_day), max(last_day) FROM charged")[0],
        is_final=house.bill_format.has_invoice and bool(totals) and not unbilled,
        warnings=_warnings(house),
    )


def _add_up(house: Warehouse) -> None:
    """Make `charged`, the few sums of which all others are made."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in (*Measure.values, "line_items"))
    house.execute(
        "CREATE TABLE charged AS SELECT account_id, payer_account_id, currency, charge_type,"
        f" max(account_name) AS account_name, {sums}, min(day) AS first_day, max(day) AS last_day"
        " FROM items GROUP BY 1, 2, 3, 4"
    )


def _warnings(house: Warehouse) -> list[str]:
    found = []
    charges = house.rows(
        "SELECT charge_type, currency, CAST(sum(line_items) AS BIGINT), sum(unblended_cost)"
        " FROM charged GROUP BY 1, 2 ORDER BY 1, 2"
    )
    for charge_type, currency, count, cost in charges:
        if charge_type not in house.bill_format.known_types:
            found.append(
                f"{count} line items have a type that the portal does not know, “{charge_type}”:"
                f" they count at their unblended cost in every measure ({cost:f} {currency})."
            )
        elif charge_type in house.lacking:
            found.append(house.lacking[charge_type])
    return list(dict.fromkeys(found))
