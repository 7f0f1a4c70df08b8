"""Charts as data: nothing of the money is lost between the bars and the table."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.charts import OTHER, SLOTS, bars, colours, stacked

amounts = st.decimals(
    min_value=-(10**9), max_value=10**9, places=20, allow_nan=False, allow_infinity=False
)
keys = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=3)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-03"]), keys),
        amounts,
        max_size=60,
    )
)
def test_the_series_add_up_to_everything_that_was_given(
    given_amounts: dict[tuple[str, str], Decimal],
) -> None:
    chart = stacked(["2026-01-01", "2026-01-02", "2026-01-03"], given_amounts, {}, "USD")
    exact = sum(Fraction(amount) for amount in given_amounts.values())
    assert Fraction(chart.total) == exact
    if given_amounts:
        assert sum(Fraction(total) for _, _, total in chart.table) == exact


@given(st.lists(keys, max_size=SLOTS, unique=True))
def test_no_two_series_share_a_colour(some: list[str]) -> None:
    given_colours = colours(some)
    assert len(set(given_colours.values())) == len(some)


def test_a_key_keeps_its_colour_whoever_else_is_shown() -> None:
    assert colours(["AmazonEC2"])["AmazonEC2"] == colours(["AmazonEC2", "AmazonS3"])["AmazonEC2"]


def test_beyond_nine_series_the_rest_is_one() -> None:
    given_amounts = {("2026-01-01", f"k{n:02d}"): Decimal(100 - n) for n in range(12)}
    chart = stacked(["2026-01-01"], given_amounts, {"k00": "First"}, "USD")
    assert [series.label for series in chart.series][:2] == ["First", "k01"]
    assert chart.series[-1].key == OTHER
    assert chart.series[-1].label == "3 others"
    assert chart.series[-1].total == Decimal(91 + 90 + 89)
    ranking = bars({key: amount for (_, key), amount in given_amounts.items()}, {}, "USD")
    assert ranking.labels[-1] == "3 others"
    assert len(ranking.data["series"][0]["values"]) == SLOTS + 1
