"""A cost query and its query string."""

import datetime as dt
from typing import Any

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from billing.cost_query import (
    MAX_GROUPS,
    MAX_VALUES,
    CostFilter,
    CostQuery,
    CostQueryError,
    Granularity,
    Operator,
)
from billing.cost_terms import MAX_FILTERS
from billing.dimensions import PLAIN_NAMES
from billing.measures import Measure

TODAY = dt.date(2026, 4, 17)
texts = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20
)
awkward = st.sampled_from(
    [
        "a!",
        "a=",
        "a~",
        "!",
        "=",
        "~",
        "!~",
        "=~",
        "a,service",
        "service",
        "a&b=c",
        "é ü",
        "a:b",
        "%",
    ]
)
names = st.one_of(
    st.sampled_from(PLAIN_NAMES),
    st.builds("tag:{}".format, texts | awkward),
    st.builds("cost_category:{}".format, texts | awkward),
)
days = st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))
filters = st.builds(
    CostFilter,
    names,
    st.booleans(),
    st.lists(texts | st.just(""), min_size=1, max_size=4).map(tuple),
) | st.builds(
    CostFilter.of,
    names,
    st.sampled_from(Operator),
    st.lists(texts, min_size=1, max_size=4),
)


@st.composite
def queries(draw: Any) -> CostQuery:
    start = draw(days)
    return CostQuery(
        start=start,
        end=draw(st.dates(start + dt.timedelta(days=1), dt.date(2100, 1, 1))),
        granularity=draw(st.sampled_from(Granularity)),
        metric=draw(st.sampled_from(Measure)),
        group_by=tuple(draw(st.lists(names, max_size=MAX_GROUPS, unique=True))),
        filters=tuple(draw(st.lists(filters, max_size=5))),
        currency=draw(st.none() | st.sampled_from(["USD", "CNY"])),
        limit=draw(st.none() | st.integers(1, 1000)),
    )


def read(text: str, **given: Any) -> CostQuery:
    return CostQuery.from_params(QueryDict(text), today=TODAY, **given)


@given(queries())
def test_a_query_survives_its_query_string(query: CostQuery) -> None:
    text = query.to_query_string()
    again = read(text)
    assert again == query
    assert again.to_query_string() == text


@given(st.lists(st.tuples(names | texts, texts), max_size=6))
def test_any_parameters_make_a_query_or_sentences(pairs: list[tuple[str, str]]) -> None:
    params = QueryDict(mutable=True)
    for name, value in pairs:
        params.appendlist(name, value)
    try:
        CostQuery.from_params(params, today=TODAY)
    except CostQueryError as error:
        assert error.errors
        assert all(texts and all(texts) for texts in error.errors.values())


def test_without_days_the_current_month_is_meant() -> None:
    query = read("")
    assert (query.start, query.end) == (dt.date(2026, 4, 1), dt.date(2026, 5, 1))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("from=2026-01-15", "2026-01-15", "2026-05-01"),
        ("to=2026-03-01", "2026-02-01", "2026-03-01"),
        ("to=2026-03-02", "2026-03-01", "2026-03-02"),
        ("from=2026-12-05", "2026-12-05", "2027-01-01"),
        ("from=&to=", "2026-04-01", "2026-05-01"),
    ],
)
def test_one_end_of_the_range_is_enough(text: str, start: str, end: str) -> None:
    query = read(text)
    assert (query.start.isoformat(), query.end.isoformat()) == (start, end)


def test_filters_are_merged_and_sorted() -> None:
    query = read("service=B&region!=x&service=A&service=B&tag:team=")
    assert query.filters == (
        CostFilter("region", True, ("x",)),
        CostFilter("service", False, ("A", "B")),
        CostFilter("tag:team", False, ("",)),
    )


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("group_by=service,region", ("service", "region")),
        ("group_by=service&group_by=region", ("service", "region")),
        ("group_by=service,tag:a,service", ("service", "tag:a,service")),
        ("group_by=tag:a", ("tag:a",)),
        ("group_by=", ()),
    ],
)
def test_groups_are_repeated_or_separated_by_commas(text: str, groups: tuple[str, ...]) -> None:
    assert read(text).group_by == groups


def test_a_key_that_ends_in_an_operator_can_be_asked_for() -> None:
    for key in ("wow!", "wow=", "wow~", "!", "~", "a=!", "a!~", "a=~", "a!=", "a~="):
        for operator in Operator:
            one = CostFilter.of(f"tag:{key}", operator, ("x",))
            query = CostQuery(dt.date(2026, 1, 1), dt.date(2026, 2, 1), filters=(one,))
            assert read(query.to_query_string()).filters == (one,)


BAD = [
    ("from=yesterday", "from", "not a day"),
    ("from=2026-02-30", "from", "no day 2026-02-30"),
    ("from=20260101", "from", "YYYY-MM-DD"),
    ("from=2026-W01-1", "from", "YYYY-MM-DD"),
    ("from=2026-1-1", "from", "YYYY-MM-DD"),
    ("from=٢٠٢٦-01-01", "from", "YYYY-MM-DD"),
    ("from=0001-01-01", "from", "Choose a day"),
    ("to=9999-12-31", "to", "Choose a day"),
    ("from=9999-12-31", "from", "Choose a day"),
    ("to=0001-01-01", "to", "Choose a day"),
    ("from=2026-03-01&to=2026-02-01", "to", "must come after"),
    ("from=2026-03-01&to=2026-03-01", "to", "empty"),
    ("from=2026-01-01&from=2026-01-02", "from", "once"),
    ("granularity=hourly", "granularity", "daily, weekly, monthly, total"),
    ("metric=blended_cost", "metric", "unblended_cost"),
    ("metric=unblended_cost&metric=list_cost", "metric", "once"),
    ("group_by=colour", "group_by", "not a dimension"),
    ("group_by=service,colour", "group_by", "not a dimension"),
    ("group_by=tag:", "group_by", "Name a key"),
    ("group_by=cost_category:", "group_by", "Name a key"),
    ("group_by=service&group_by=service", "group_by", "named twice"),
    ("group_by=" + ",".join(PLAIN_NAMES[:7]), "group_by", "at most"),
    ("group_by=tag:a%00b", "group_by", "NUL"),
    ("colour=red", "colour", "not known"),
    ("colour!=red", "colour!", "not known"),
    ("servic=AmazonEC2", "servic", "not known"),
    ("tag:=x", "tag:", "Name a key"),
    ("service=a%00b", "service", "NUL"),
    ("service~=a%00b", "service~", "NUL"),
    ("service~=", "service~", "text to look for"),
    ("service!~=x&service!~=", "service!~", "text to look for"),
    ("colour~=red", "colour~", "not known"),
    ("tag:~=red", "tag:~", "Name a key"),
    ("service=" + "x" * 3000, "service", "at most"),
    ("&".join(f"service=s{n}" for n in range(MAX_VALUES + 1)), "service", "values"),
    ("&".join(f"tag:t{n}=x" for n in range(MAX_FILTERS + 1)), "filters", "at most"),
    ("currency=dollars", "currency", "three capital letters"),
    ("currency=usd", "currency", "three capital letters"),
    ("limit=0", "limit", "1 to"),
    ("limit=-1", "limit", "digits"),
    ("limit=ten", "limit", "digits"),
    ("limit=99999999999999999999", "limit", "digits"),
    ("limit=1000000", "limit", "1 to"),
]


@pytest.mark.parametrize(("text", "parameter", "part"), BAD)
def test_bad_parameters_are_named_in_a_sentence(text: str, parameter: str, part: str) -> None:
    with pytest.raises(CostQueryError) as caught:
        read(text)
    (sentence,) = caught.value.errors[parameter]
    assert part in sentence
    assert sentence[0].isupper() or sentence[0] == "“"
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("service=ec2", Operator.IS),
        ("service!=ec2", Operator.IS_NOT),
        ("service~=ec2", Operator.CONTAINS),
        ("service!~=ec2", Operator.CONTAINS_NOT),
    ],
)
def test_a_filter_names_its_operator_as_people_write_it(text: str, operator: Operator) -> None:
    (one,) = read(text).filters
    assert one == CostFilter.of("service", operator, ["ec2"])
    assert one.operator is operator
    assert f"{one.parameter}=ec2" == text


def test_every_wrong_parameter_is_named_at_once() -> None:
    with pytest.raises(CostQueryError) as caught:
        read("from=x&metric=y&group_by=service&colour=z")
    assert set(caught.value.errors) == {"from", "metric", "colour"}


def test_parameters_of_others_are_left_alone() -> None:
    assert read("page=2", also_known=frozenset({"page"})) == read("")
