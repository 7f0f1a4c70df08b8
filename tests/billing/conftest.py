"""Two connected accounts with two months of costs."""

import pytest

from billing.facts import FEWER
from connections.models import Connection, ConnectionKind
from tests.billing.cost_facts import Item, connect, deliver
from tests.billing.cost_items import (
    APRIL,
    MARCH,
    PAYER,
    STRANGER,
    WEB,
    some_items,
)
from tests.cast import Cast


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every dimension be worth storing, however small the bill."""
    for table in FEWER:
        monkeypatch.setitem(FEWER, table, 0)


@pytest.fixture
def payer(cast: Cast) -> Connection:
    connect(cast.acme, WEB)
    return connect(cast.acme, PAYER, ConnectionKind.ROOT)


@pytest.fixture
def items(payer: Connection) -> list[Item]:
    """April and March of Acme; an account that nobody connected stands in the bill too."""
    march = some_items(MARCH, seed=1, accounts=(PAYER, WEB, STRANGER))
    april = some_items(APRIL, seed=2, accounts=(PAYER, WEB, STRANGER))
    deliver(payer, MARCH, march, is_final=True)
    deliver(payer, APRIL, april)
    return march + april
