"""Tag coverage, against sums in plain Python."""

import csv
import io
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from billing.coverage.report import Coverage, coverage
from billing.measures import Measure
from billing.months import month_frame
from connections.models import Connection, ConnectionKind
from tests.billing.cost_facts import Item, connect, deliver, sums
from tests.billing.month_bills import APRIL, MAY, PAYER, WEB, bill, mine
from tests.cast import Cast

pytestmark = pytest.mark.django_db
TAGGABLE = {"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage"}
ODD = "Kosten/Stelle="


@pytest.fixture
def payer(cast: Cast) -> Connection:
    connect(cast.acme, WEB)
    return connect(cast.acme, PAYER, ConnectionKind.ROOT)


@pytest.fixture
def items(payer: Connection) -> list[Item]:
    april = bill(APRIL, seed=3)
    deliver(payer, APRIL, april)
    return april


def of(cast: Cast, measure: Measure = Measure.AMORTIZED, key: str | None = None) -> Coverage:
    return coverage(month_frame(cast.acme, MAY, month=APRIL), measure, key)


def total(items: list[Item], measure: Measure) -> Decimal:
    return sums(items, measure).get(("", ()), Decimal(0))


@pytest.mark.parametrize("measure", [Measure.UNBLENDED, Measure.AMORTIZED, Measure.LIST])
def test_shares_are_those_of_the_usage_that_carries_a_value(
    cast: Cast, items: list[Item], measure: Measure
) -> None:
    found = of(cast, measure)
    usage = [item for item in mine(items) if item.charge_type in TAGGABLE]
    assert found.taggable == total(usage, measure)
    assert {one.key: one.tagged for one in found.keys} == {
        key: total([item for item in usage if item.tags.get(key)], measure) for key in ("team", ODD)
    }
    assert found.total == total(mine(items), measure)
    assert dict(found.untaggable)["Tax"] == total(
        [item for item in mine(items) if item.charge_type == "Tax"], measure
    )
    assert "SavingsPlanNegation" in dict(found.untaggable)


@pytest.mark.parametrize("key", ["team", ODD, "never used"])
def test_accounts_and_services_are_ranked_by_what_lacks_the_key(
    cast: Cast, items: list[Item], key: str
) -> None:
    found = of(cast, key=key)
    usage = [item for item in mine(items) if item.charge_type in TAGGABLE]
    for gaps, dimension in ((found.accounts, "account"), (found.services, "service")):
        assert {one.value: (one.amount, one.untagged) for one in gaps} == {
            value: (
                total(
                    [item for item in usage if item.value(dimension) == value], Measure.AMORTIZED
                ),
                total(
                    [
                        item
                        for item in usage
                        if item.value(dimension) == value and not item.tags.get(key)
                    ],
                    Measure.AMORTIZED,
                ),
            )
            for value in {item.value(dimension) for item in usage}
        }
        assert [one.untagged for one in gaps] == sorted(
            (one.untagged for one in gaps), reverse=True
        )


@pytest.mark.parametrize("key", ["team", ODD])
def test_the_explorer_shows_just_what_lacks_the_key(
    cast: Cast, items: list[Item], key: str
) -> None:
    browser = cast.browser("victor")
    page = browser.get("/o/acme/tag-coverage/", {"month": "2026-04", "key": key})
    (row,) = [one for one in page.context["keys"] if one["key"] == key]
    assert browser.get(row["url"]).context["result"]["total"] == row["untagged"]
    for gap in (*page.context["accounts"]["rows"], *page.context["services"]["rows"]):
        shown = browser.get(gap["url"]).context["result"]["total"]
        assert shown == gap["gap"].untagged


def test_a_month_without_tags_says_how_to_get_them(cast: Cast, payer: Connection) -> None:
    deliver(payer, APRIL, [Item(WEB, APRIL, Decimal(1))])
    page = cast.browser("victor").get("/o/acme/tag-coverage/?month=2026-04")
    assert "No cost carries a tag" in page.content.decode()
    assert of(cast).key is None


def test_the_download_holds_keys_accounts_and_services(cast: Cast, items: list[Item]) -> None:
    page = cast.browser("victor").get("/o/acme/tag-coverage/?month=2026-04&key=team&format=csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(page.streaming_content).decode())))
    found = of(cast, key="team")
    by_account = [row for row in rows if row["What"] == "Account"]
    assert sum(Decimal(row["Taggable"]) for row in by_account) == found.taggable
    assert {row["Tag key"] for row in rows if row["What"] == "Key"} == {"team", ODD}


def test_the_number_of_queries_is_constant(
    cast: Cast, items: list[Item], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for account in ("444455556666", "555566667777"):
        with django_assert_num_queries(8):
            of(cast)
        other = connect(cast.acme, account, ConnectionKind.ROOT)
        deliver(other, APRIL, [Item(account, APRIL, Decimal(1), payer=account)])
