"""Finding deliveries and reading manifests, over HTTP against the pretend AWS."""

import datetime as dt
import json
from typing import Any

import pytest

from connections.aws.credentials import AccessKey
from connections.aws.deliveries import list_manifests, read_manifest
from connections.aws.s3 import Bucket
from connections.aws.session import AwsSession
from connections.models import Export, ExportSchema, FileFormat
from demo.aws.credentials import ROOT_SECRET, root_access_key_id
from organizations.crypto import Secret
from organizations.runs import ErrorClass, RunFailure
from tests.connections.pretend import BUCKET, PAYER, REGION, PretendAccount

MONTHS = [dt.date(2026, 8, 1), dt.date(2026, 9, 1), dt.date(2026, 10, 1)]
LEGACY: dict[str, Any] = {
    "assemblyId": "20261003T010203Z",
    "account": PAYER,
    "columns": [{"category": "lineItem", "name": "UnblendedCost", "type": "OptionalBigDecimal"}],
    "contentType": "text/csv",
    "compression": "GZIP",
    "reportName": "hourly",
    "bucket": BUCKET,
    "reportKeys": ["/old/hourly/20261001-20261101/20261003T010203Z/hourly-00001.csv.gz"],
    "additionalArtifactKeys": [],
}


@pytest.fixture
def bucket(payer: PretendAccount) -> Bucket:
    key = AccessKey(root_access_key_id(PAYER), Secret(ROOT_SECRET))
    return Bucket(AwsSession(key, account="Acme"), BUCKET, REGION)


def export(name: str = "daily", prefix: str = "cur", schema: str = ExportSchema.CUR2) -> Export:
    return Export(schema=schema, name=name, prefix=prefix, bucket=BUCKET, region=REGION)


def put(payer: PretendAccount, key: str, content: Any) -> None:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    payer.client("s3", REGION).put_object(Bucket=BUCKET, Key=key, Body=text)


def test_every_month_has_its_newest_manifest_at_the_price_of_one_request(
    payer: PretendAccount, bucket: Bucket
) -> None:
    for month in MONTHS:
        payer.deliver("kept", month, overwrite=False)
        payer.deliver("kept", month, overwrite=False)
    payer.requests()
    refs = list_manifests(bucket, export("kept"))
    assert payer.requests() == {"s3:ListObjectsV2": 1}
    assert [ref.billing_period for ref in refs] == MONTHS
    assert refs[0].key == "cur/kept/metadata/BILLING_PERIOD=2026-08/kept-Manifest.json"


def test_a_manifest_tells_the_files_of_its_delivery(payer: PretendAccount, bucket: Bucket) -> None:
    (ref,) = list_manifests(bucket, export())
    manifest = read_manifest(bucket, ref)
    assert manifest.etag == ref.etag
    assert manifest.account_id == PAYER
    assert not manifest.is_legacy
    assert manifest.file_format == FileFormat.PARQUET
    assert manifest.files == ("cur/daily/data/BILLING_PERIOD=2026-10/daily-00001.snappy.parquet",)
    assert "line_item_unblended_cost" in {column.name for column in manifest.columns}


def test_a_new_delivery_has_another_etag(payer: PretendAccount, bucket: Bucket) -> None:
    (before,) = list_manifests(bucket, export())
    payer.deliver()
    (after,) = list_manifests(bucket, export())
    assert before.etag != after.etag


def test_folders_are_matched_whatever_their_case_and_strangers_are_ignored(
    payer: PretendAccount, bucket: Bucket
) -> None:
    put(payer, "f/focus/metadata/billing_period=2026-09/focus-Manifest.json", {})
    put(payer, "f/focus/metadata/billing_period=2026-13/focus-Manifest.json", {})
    put(payer, "f/focus/metadata/billing_period=2026-09/notes.txt", {})
    put(payer, "f/focus-2/metadata/billing_period=2026-10/focus-2-Manifest.json", {})
    put(payer, "aws-programmatic-access-test-object", b"")
    refs = list_manifests(bucket, export("focus", "f", ExportSchema.FOCUS_1_0))
    assert [ref.billing_period for ref in refs] == [dt.date(2026, 9, 1)]


def test_a_legacy_report_costs_one_request_a_month(payer: PretendAccount, bucket: Bucket) -> None:
    for folder in ("20260901-20261001", "20261001-20261101"):
        put(payer, f"old/hourly/{folder}/hourly-Manifest.json", LEGACY)
        put(payer, f"old/hourly/{folder}/20261003T010203Z/hourly-Manifest.json", LEGACY)
        put(payer, f"old/hourly/{folder}/hourly-RedshiftManifest.json", {})
    put(payer, "old/hourly/hourly/year=2026/month=9/hourly-00001.snappy.parquet", b"")
    payer.requests()
    refs = list_manifests(bucket, export("hourly", "old", ExportSchema.LEGACY_CUR))
    assert payer.requests() == {"s3:ListObjectsV2": 3}
    assert [ref.billing_period for ref in refs] == MONTHS[1:]
    manifest = read_manifest(bucket, refs[-1])
    assert manifest.is_legacy
    assert manifest.execution_id == "20261003T010203Z"
    assert manifest.account_id == PAYER
    assert [column.name for column in manifest.columns] == ["lineItem/UnblendedCost"]
    assert manifest.files == ("old/hourly/20261001-20261101/20261003T010203Z/hourly-00001.csv.gz",)
    assert manifest.file_format == FileFormat.CSV_GZIP


def test_the_columns_of_a_legacy_parquet_report_have_their_whole_names(
    payer: PretendAccount, bucket: Bucket
) -> None:
    column = {"category": "identity", "name": "identity_line_item_id", "type": "STRING"}
    keys = ["old/hourly/hourly/year=2026/month=10/hourly-00001.snappy.parquet"]
    said = {**LEGACY, "columns": [column], "reportKeys": keys}
    put(payer, "old/hourly/20261001-20261101/hourly-Manifest.json", said)
    (ref,) = list_manifests(bucket, export("hourly", "old", ExportSchema.LEGACY_CUR))
    assert [one.name for one in read_manifest(bucket, ref).columns] == ["identity_line_item_id"]


GOOD: dict[str, Any] = {
    "executionId": "e-1",
    "exportArn": f"arn:aws:bcm-data-exports:us-east-1:{PAYER}:export/x",
    "columns": [{"name": "a", "type": "string"}],
    "dataFiles": [f"s3://{BUCKET}/cur/x/data/BILLING_PERIOD=2026-10/x-00001.csv.gz"],
}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        ([], "is not a JSON object"),
        ({**GOOD, "executionId": None}, "has no “executionId”"),
        ({**GOOD, "columns": []}, "“columns”"),
        ({**GOOD, "columns": ["a"]}, "a column without a name"),
        ({**GOOD, "dataFiles": []}, "“dataFiles”"),
        ({**GOOD, "dataFiles": [7]}, "no text"),
        ({**GOOD, "dataFiles": ["a\0.csv.gz"]}, "no text"),
        ({**GOOD, "executionId": "a\ud800"}, "has no “executionId”"),
        ({**GOOD, "dataFiles": ["s3://other/x.csv.gz"]}, "in another bucket"),
        ({**GOOD, "dataFiles": [*GOOD["dataFiles"], "x.parquet"]}, "not all Parquet"),
        ({**GOOD, "dataFiles": ["x.txt"]}, "not all Parquet"),
        ({**GOOD, "dataFiles": GOOD["dataFiles"] * 2}, "a data file twice"),
    ],
)
def test_a_manifest_that_is_nonsense_is_a_fault_in_the_data(
    payer: PretendAccount, bucket: Bucket, content: Any, words: str
) -> None:
    put(payer, "cur/x/metadata/BILLING_PERIOD=2026-10/x-Manifest.json", content)
    (ref,) = list_manifests(bucket, export("x"))
    with pytest.raises(RunFailure, match=words) as caught:
        read_manifest(bucket, ref)
    assert caught.value.error_class == ErrorClass.DATA
    assert "x-Manifest.json" in caught.value.message


def test_an_export_without_deliveries_has_none(bucket: Bucket) -> None:
    assert list_manifests(bucket, export("nothing")) == []
    assert list_manifests(bucket, export("nothing", schema=ExportSchema.LEGACY_CUR)) == []
