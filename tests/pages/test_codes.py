"""AWS's codes and ids in narrow columns: they break between their parts, and stay what they are."""

import pytest

from organizations.templatetags.codes import breakable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SavingsPlanCoveredUsage", "Savings<wbr>Plan<wbr>Covered<wbr>Usage"),
        ("AmazonElastiCache", "Amazon<wbr>Elasti<wbr>Cache"),
        ("AWSSupportBusiness", "AWSSupport<wbr>Business"),
        (
            "arn:aws:rds:eu-west-1:222233334444:db:shop",
            "arn:<wbr>aws:<wbr>rds:<wbr>eu-west-1:<wbr>222233334444:<wbr>db:<wbr>shop",
        ),
        ("E1LARKSPUR2SHOPS", "E1LARKSPUR2SHOPS"),
        ("s3://bucket/<b>", "s3://<wbr>bucket/&lt;b&gt;"),
        ("AmazonEC2", "AmazonEC2"),
        ("222233334444", "222233334444"),
        ("Amazon Simple Storage Service", "Amazon Simple Storage Service"),
        ("", ""),
    ],
)
def test_a_long_word_breaks_where_a_part_of_it_ends(text: str, shown: str) -> None:
    assert str(breakable(text)) == shown


def test_a_short_text_is_escaped_by_its_page() -> None:
    assert not hasattr(breakable("<b>"), "__html__")
