"""The page with the list of resources: sorting, tags that are written, files."""

import csv
import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.utils import timezone

from connections.models import AuthMethod, Connection, ConnectionKind
from discovery.models import Resource, ResourceCost
from tests.cast import Cast

pytestmark = pytest.mark.django_db

ACCOUNT = "111122223333"
PAGE = "/o/acme/resources/"
FIRST = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def stock(cast: Cast) -> list[Resource]:
    """Three volumes of Acme: a cheap one, a dear one, and one that no bill names."""
    Connection.objects.create(
        organization=cast.acme,
        name="Payer",
        kind=ConnectionKind.ROOT,
        account_id=ACCOUNT,
        auth_method=AuthMethod.AMBIENT,
    )
    made = [
        Resource.objects.create(
            organization=cast.acme,
            account_id=ACCOUNT,
            region="eu-west-1",
            type="ebs_volume",
            family="ebs_volumes",
            resource_id=f"vol-{name}",
            cost_id=f"vol-{name}",
            name=f"=cmd {name}",
            state="in-use",
            tags={"Team": "data", "Name": name},
            fingerprint="1",
            first_seen=FIRST,
            last_seen=FIRST,
        )
        for name in ("cheap", "dear", "unbilled")
    ]
    month = timezone.now().date().replace(day=1)
    for resource, amount in zip(made, ("1.5", "200"), strict=False):
        ResourceCost.objects.create(
            resource=resource, month=month, amount=Decimal(amount), currency="USD"
        )
    return made


def test_the_columns_sort_both_ways_and_keep_the_filters(cast: Cast, stock: list[Resource]) -> None:
    browser = cast.browser("victor")
    page = browser.get(PAGE, {"type": "ebs_volume", "sort": "-month_to_date_cost"})
    text = page.content.decode()
    assert text.index("vol-dear") < text.index("vol-cheap") < text.index("vol-unbilled")
    assert 'aria-sort="descending"' in text
    assert "?type=ebs_volume&amp;sort=month_to_date_cost" in text
    assert '<input type="hidden" name="sort" value="-month_to_date_cost">' in text


def test_a_tag_that_is_written_becomes_a_filter_of_the_address(
    cast: Cast, stock: list[Resource]
) -> None:
    browser = cast.browser("victor")
    asked = {"q": "vol", "tag_key": " Team & Co ", "tag_value": "a=b", "sort": "name"}
    answer = browser.get(PAGE, asked)
    assert answer.status_code == 302
    told = dict(parse_qsl(urlsplit(answer["Location"]).query))
    assert told == {"q": "vol", "sort": "name", "tag:Team & Co": "a=b"}
    text = browser.get(PAGE, {"tag:Team": "data", "tag_key": "", "tag_value": ""}).content.decode()
    assert '<input type="hidden" name="tag:Team" value="data">' in text
    assert "vol-cheap" in text


def test_a_tag_on_a_resources_page_leads_to_all_that_have_it(
    cast: Cast, stock: list[Resource]
) -> None:
    text = cast.browser("victor").get(f"{PAGE}{stock[0].pk}/").content.decode()
    assert 'href="/o/acme/resources/?tag%3ATeam=data"' in text


def test_files_hold_every_match_with_exact_costs_and_no_formulas(
    cast: Cast, stock: list[Resource]
) -> None:
    browser = cast.browser("victor")
    file = browser.get(PAGE, {"format": "csv", "min_month_to_date_cost": "1", "page": "7"})
    assert 'filename="resources_acme.csv"' in file["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode())))
    assert [row["Id"] for row in rows] == ["vol-cheap", "vol-dear"]
    first = rows[0]
    assert first["Name"] == "'=cmd cheap"
    assert Decimal(first["Amortized cost this month so far"]) == Decimal("1.5")
    assert (first["Amortized cost last month"], first["Currency"]) == ("", "USD")
    assert (first["Tags"], first["First seen (UTC)"]) == (
        "Name=cheap; Team=data",
        "2026-03-01 09:30:00",
    )
    book = browser.get(PAGE, {"format": "xlsx", "sort": "-month_to_date_cost"})
    with zipfile.ZipFile(io.BytesIO(b"".join(book.streaming_content))) as parts:
        assert b"<v>200</v>" in parts.read("xl/worksheets/sheet1.xml")
        assert b"sort=-month_to_date_cost" in parts.read("xl/worksheets/sheet2.xml")


def test_what_cannot_be_asked_of_the_page_is_said(cast: Cast, stock: list[Resource]) -> None:
    browser = cast.browser("victor")
    for query, said in (
        ({"format": "pdf"}, "csv, xlsx"),
        ({"sort": "price"}, "nothing to sort by"),
        ({"min_last_month_cost": "ten"}, "12.50"),
        ({"format": "csv", "colour": "red"}, "not known"),
    ):
        page = browser.get(PAGE, query)
        assert page.status_code == 400 and said in page.content.decode()
