"""Fixtures that every test may use."""

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from pytest_django.fixtures import Settings

from demo.servers import aws as pretend_aws
from demo.servers.process import Children

# A machine that is busy with other things makes no test fail.
hypothesis_settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("patient")


def _emptied(self: DatabaseOperations, style: Any, tables: list[str], **_: Any) -> list[str]:
    """How Django empties the tables: TRUNCATE makes all their files anew, most of them empty."""
    names = [self.quote_name(table) for table in tables]
    # As TRUNCATE does, wait for whoever still works on them.
    lock = f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE"
    return [lock, *(f"DELETE FROM {name}" for name in names)]  # noqa: S608 - our own names


DatabaseOperations.sql_flush = _emptied


@pytest.fixture(autouse=True)
def static_files_in_place(settings: Settings) -> None:
    """Pages name static files where they lie: nobody has to collect them before a test.

    That all of them can be collected, under hashed names, is a test of its own.
    """
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(scope="session")
def aws_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a pretend AWS without the sample company, one for the whole run."""
    logs: Path = tmp_path_factory.mktemp("aws")
    with Children(logs) as children:
        endpoint = pretend_aws.start(children, env=dict(os.environ), empty=True)
        pretend_aws.wait_until_ready(endpoint, children)
        yield endpoint


@pytest.fixture
def aws(aws_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty pretend AWS over real HTTP; botocore finds it by AWS_ENDPOINT_URL. Its address."""
    reset = urllib.request.Request(f"{aws_endpoint}/moto-api/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(reset, timeout=30):  # noqa: S310 - our own address
        pass
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    return aws_endpoint
