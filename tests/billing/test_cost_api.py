"""GET /api/v1/costs/ and /api/v1/unconnected-accounts/."""

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest

from billing.models import ServiceName
from connections.models import Account, Connection, ConnectionKind
from organizations.access import Role
from organizations.models import AuditEvent
from tests.billing.cost_facts import Item, connect, deliver
from tests.billing.test_cost_query import BAD
from tests.cast import Cast

pytestmark = pytest.mark.django_db

PAYER, WEB, STRANGER = "111122223333", "222233334444", "999900001111"
APRIL = dt.date(2026, 4, 1)
DAY = dt.date(2026, 4, 2)


@pytest.fixture
def payer(cast: Cast) -> Connection:
    made = connect(cast.acme, PAYER, ConnectionKind.ROOT)
    connect(cast.acme, WEB)
    ServiceName.objects.create(organization=cast.acme, code="AmazonEC2", name="Elastic Compute")
    Account.objects.create(organization=cast.acme, account_id=WEB, name="web")
    deliver(
        made,
        APRIL,
        [
            Item(WEB, DAY, Decimal("123456789012345678.10"), resource="i-1"),
            Item(WEB, DAY, Decimal("0.00000000000000000008")),
            Item(PAYER, DAY, Decimal("100"), service="AmazonS3", tags={"team": '=cmd|"x"'}),
            Item(PAYER, DAY, Decimal("-100"), service="AmazonS3", charge_type="Credit"),
            Item(STRANGER, DAY, Decimal("12.50")),
        ],
    )
    return made


def get(cast: Cast, query: str, **given: Any) -> Any:
    return cast.api(Role.VIEWER, **given).get(f"/api/v1/costs/?{query}")


RANGE = "from=2026-04-01&to=2026-05-01"


def test_costs_are_answered_as_the_contract_says(cast: Cast, payer: Connection) -> None:
    answer = get(cast, f"{RANGE}&granularity=monthly&group_by=service&group_by=account")
    assert answer.status_code == 200
    assert answer.json() == {
        "metric": "unblended_cost",
        "currency": "USD",
        "from": "2026-04-01",
        "to": "2026-05-01",
        "total": "123456789012345678.10000000000000000008",
        "row_count": 2,
        "next": None,
        "rows": [
            {
                "period": "2026-04",
                "group": {
                    "service": "AmazonEC2",
                    "service_name": "Elastic Compute",
                    "account": WEB,
                    "account_name": "web",
                },
                "amount": "123456789012345678.10000000000000000008",
            },
            {
                "period": "2026-04",
                "group": {
                    "service": "AmazonS3",
                    "service_name": "",
                    "account": PAYER,
                    "account_name": "",
                },
                "amount": "0",
            },
        ],
        "data_through": "2026-04-02",
        "final": False,
    }


@pytest.mark.parametrize(
    ("granularity", "period"),
    [
        ("daily", "2026-04-02"),
        ("weekly", "2026-03-30"),
        ("monthly", "2026-04"),
        ("total", "2026-04-01/2026-05-01"),
    ],
)
def test_the_period_has_the_form_of_the_granularity(
    cast: Cast, payer: Connection, granularity: str, period: str
) -> None:
    (row,) = get(cast, f"{RANGE}&granularity={granularity}").json()["rows"]
    assert row["period"] == period
    assert row["group"] == {}


def test_not_equal_works_as_people_write_it(cast: Cast, payer: Connection) -> None:
    for query in (
        "service!=AmazonEC2&charge_type!=Credit",
        "service%21=AmazonEC2&charge_type=Usage",
    ):
        assert get(cast, f"{RANGE}&{query}").json()["total"] == "100"


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("service~=s3&charge_type!~=CRED", "100"),
        ("service%7E=S3&charge_type%21%7E=cred", "100"),
        ("tag:team~=CMD", "100"),
        ("service~=a_azon", "0"),
        ("account~=1111", "0"),
        ("account~=1111&charge_type=Usage", "100"),
    ],
)
def test_a_part_of_a_value_is_enough_where_asked_for(
    cast: Cast, payer: Connection, query: str, total: str
) -> None:
    assert get(cast, f"{RANGE}&{query}").json()["total"] == total


def test_organizational_units_group_and_filter(cast: Cast, payer: Connection) -> None:
    Account.objects.create(
        organization=cast.acme, account_id=PAYER, organizational_unit="Root / Head"
    )
    asked = f"{RANGE}&granularity=total&charge_type!=Credit&group_by=organizational_unit"
    rows = get(cast, asked).json()["rows"]
    assert [row["group"] for row in rows] == [
        {"organizational_unit": ""},
        {"organizational_unit": "Root / Head"},
    ]
    assert get(cast, f"{asked}&organizational_unit=Root / Head").json()["total"] == "100"
    assert get(cast, f"{asked}&organizational_unit~=HEAD").json()["total"] == "100"
    assert get(cast, f"{asked}&organizational_unit=nobody").json()["rows"] == []


def test_tags_filter_and_group(cast: Cast, payer: Connection) -> None:
    answer = get(cast, f"{RANGE}&granularity=total&group_by=tag:team&service=AmazonS3").json()
    found = {row["group"]["tag:team"]: row["amount"] for row in answer["rows"]}
    assert found == {'=cmd|"x"': "100", "": "-100"}
    assert get(cast, f"{RANGE}&tag:team=").json()["total"] != "100"
    assert get(cast, f"{RANGE}&tag:team!=").json()["total"] == "100"


def test_a_range_without_data_is_no_error(cast: Cast, payer: Connection) -> None:
    answer = get(cast, "from=2020-01-01&to=2020-02-01").json()
    assert (answer["total"], answer["rows"], answer["currency"]) == ("0", [], "USD")
    assert (answer["data_through"], answer["final"]) == (None, False)


def test_an_organization_without_connections_has_no_costs(cast: Cast, payer: Connection) -> None:
    answer = get(cast, RANGE, organization=cast.bolt).json()
    assert (answer["total"], answer["rows"], answer["currency"]) == ("0", [], None)
    assert cast.api(Role.VIEWER, cast.bolt).get("/api/v1/unconnected-accounts/").json() == []


def test_accounts_of_another_organization_are_refused_like_unknown_ones(
    cast: Cast, payer: Connection
) -> None:
    connect(cast.bolt, "444455556666")
    sentences = []
    for account in ("444455556666", "444455557777"):
        answer = get(cast, f"{RANGE}&account={account}")
        assert answer.status_code == 400
        sentences.append(answer.json()["errors"]["account"][0].replace(account, "…"))
    assert sentences[0] == sentences[1]


@pytest.mark.parametrize("suffix", ["", "&format=csv"])
@pytest.mark.parametrize(("query", "parameter"), [(query, name) for query, name, _ in BAD])
def test_bad_parameters_are_answered_with_400(
    cast: Cast, query: str, parameter: str, suffix: str
) -> None:
    answer = get(cast, query + suffix)
    assert answer.status_code == 400
    assert answer.json()["type"] == "invalid"
    assert answer.json()["errors"][parameter]
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("value", ["xml", "api", "CSV", "", "json&format=csv"])
def test_an_unknown_format_is_answered_with_400(cast: Cast, value: str) -> None:
    answer = get(cast, f"{RANGE}&format={value}")
    assert answer.status_code == 400
    assert "format" in answer.json()["errors"]


def test_two_currencies_ask_for_one(cast: Cast, payer: Connection) -> None:
    other = connect(cast.acme, "444455556666", ConnectionKind.ROOT)
    deliver(
        other,
        APRIL,
        [Item("444455556666", DAY, Decimal("3"), currency="CNY", payer="444455556666")],
    )
    for suffix in ("", "&format=csv"):
        answer = get(cast, RANGE + suffix)
        assert answer.status_code == 400
        assert "CNY and USD" in answer.json()["errors"]["currency"][0]
    answer = get(cast, f"{RANGE}&currency=CNY").json()
    assert (answer["currency"], answer["total"]) == ("CNY", "3")


def read_csv(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_csv_has_the_same_rows_with_every_digit(cast: Cast, payer: Connection) -> None:
    answer = get(cast, f"{RANGE}&group_by=account,region&format=csv")
    assert 'filename="costs_2026-04-01_2026-05-01.csv"' in answer.headers["Content-Disposition"]
    assert read_csv(answer) == [
        ["period", "account", "account_name", "region", "unblended_cost", "currency"],
        ["2026-04-02", WEB, "web", "eu-west-1", "123456789012345678.10000000000000000008", "USD"],
        ["2026-04-02", PAYER, "", "eu-west-1", "0", "USD"],
    ]


def test_csv_text_is_never_a_formula_and_numbers_stay_numbers(
    cast: Cast, payer: Connection
) -> None:
    rows = read_csv(get(cast, f"{RANGE}&group_by=tag:team&service=AmazonS3&format=csv"))
    assert rows[1][1:3] == ['\'=cmd|"x"', "100"]
    assert rows[2][1:3] == ["", "-100"]


def test_a_csv_file_is_noted_with_what_was_asked_for(cast: Cast, payer: Connection) -> None:
    read_csv(get(cast, f"{RANGE}&group_by=region&service~=ec2&format=csv"))
    event = AuditEvent.objects.of(cast.acme).get(action="costs.exported")
    assert event.changes == {"format": "csv", "query": f"?{RANGE}&group_by=region&service~=ec2"}


def test_csv_of_nothing_is_its_header(cast: Cast, payer: Connection) -> None:
    rows = read_csv(get(cast, "from=2020-01-01&to=2020-02-01&format=csv"))
    assert rows == [["period", "unblended_cost", "currency"]]


def test_unconnected_accounts_are_listed_with_their_money(cast: Cast, payer: Connection) -> None:
    answer = cast.api(Role.VIEWER).get("/api/v1/unconnected-accounts/")
    assert answer.json() == [
        {
            "account_id": STRANGER,
            "name": "",
            "last_month": "2026-04",
            "amount": "12.5",
            "currency": "USD",
        }
    ]


def test_unconnected_accounts_take_no_parameters(cast: Cast, payer: Connection) -> None:
    answer = cast.api(Role.VIEWER).get("/api/v1/unconnected-accounts/?colour=red")
    assert answer.status_code == 400
