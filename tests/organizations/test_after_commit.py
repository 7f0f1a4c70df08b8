"""A broker that is away hurts nobody who has something sent."""

from functools import partial

import pytest
from celery import Celery
from django.conf import settings
from django.db import transaction

from organizations.after_commit import after_commit


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_broker_that_is_away_is_logged_and_nothing_else(
    in_transaction: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:9/0")
    app = Celery("away", set_as_current=False)
    app.conf.task_publish_retry_policy = settings.CELERY_TASK_PUBLISH_RETRY_POLICY
    send = partial(app.send_task, "some.task", args=[1])
    if in_transaction:
        with transaction.atomic():
            after_commit(send)
    else:
        after_commit(send)
    assert any("broker did not take" in record.getMessage() for record in caplog.records)


@pytest.mark.django_db(transaction=True)
def test_whatever_else_fails_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    after_commit(partial(int, "no number"))
    assert any("functools.partial" in record.getMessage() for record in caplog.records)
