"""Reading a bucket: looking at objects, listing them, fetching them whole to a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from connections.aws.errors import AwsFailure, failure_from
from connections.aws.session import AwsSession
from organizations.runs import ErrorClass, RunFailure

# Small pieces keep threads waiting for each other.
_CHUNK = 1 << 20


@dataclass(frozen=True)
class ObjectInfo:
    """What S3 says of an object without sending it."""

    key: str
    size: int
    etag: str
    modified: datetime


class Bucket:
    """One bucket, read with one account's credentials. Every error is a RunFailure."""

    def __init__(self, session: AwsSession, name: str, region: str) -> None:
        self.name = name
        self._client = session.client("s3", region)

    def url(self, key: str) -> str:
        """Return the object's address as people write it."""
        return f"s3://{self.name}/{key}"

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield every object under a prefix, in key order."""
        for item in self._client.pages(
            "list_objects_v2", "Contents", target=self.url(prefix), Bucket=self.name, Prefix=prefix
        ):
            yield ObjectInfo(
                item["Key"], item["Size"], item["ETag"].strip('"'), item["LastModified"]
            )

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes one level below `prefix` (with their slash), in order."""
        for item in self._client.pages(
            "list_objects_v2",
            "CommonPrefixes",
            target=self.url(prefix),
            Bucket=self.name,
            Prefix=prefix,
            Delimiter="/",
        ):
            yield item["Prefix"]

    def look(self, key: str) -> ObjectInfo | None:
        """Return what S3 says of the object, None when there is none."""
        try:
            found = self._client.call(
                "head_object", target=self.url(key), Bucket=self.name, Key=key
            )
        except AwsFailure as failure:
            if failure.code in ("404", "NoSuchKey"):
                return None
            raise
        return _info(key, found)

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        """Return a small object's content. Raises RunFailure when it is larger than `limit`."""
        answer = self._client.call("get_object", target=self.url(key), Bucket=self.name, Key=key)
        info = _info(key, answer)
        if info.size > limit:
            raise RunFailure(
                ErrorClass.DATA,
                f"{self.url(key)} has {info.size} bytes, far more than such a file has.",
                "Check that the export's name and prefix are right.",
            )
        with self._body(answer["Body"], key) as chunks:
            return b"".join(chunks), info

    def fetch(self, info: ObjectInfo, to: Path, part: range | None = None) -> None:
        """Write an object, or a part of it, to its place in a file that exists.

        The object must still be the version of `info`. Raises RunFailure (transient) when it
        changed meanwhile, the connection broke, or other bytes came than were asked for.
        """
        wanted = range(info.size) if part is None else part
        condition = {} if part is None else {"Range": f"bytes={part.start}-{part.stop - 1}"}
        answer = self._client.call(
            "get_object",
            target=self.url(info.key),
            Bucket=self.name,
            Key=info.key,
            IfMatch=f'"{info.etag}"',
            **condition,
        )
        written = 0
        with to.open("r+b") as file, self._body(answer["Body"], info.key) as chunks:
            file.seek(wanted.start)
            for chunk in chunks:
                written += file.write(chunk)
        if written != len(wanted):
            raise RunFailure(
                ErrorClass.TRANSIENT,
                f"{self.url(info.key)} broke off: {written} bytes came instead of {len(wanted)}.",
                "Nothing to do: the portal tries again by itself.",
            )

    def _body(self, body: Any, key: str) -> "_Body":
        return _Body(body, self._client.attempt("get_object", self.url(key)))


class _Body:
    """A response body as chunks whose errors are RunFailures."""

    def __init__(self, body: Any, attempt: Any) -> None:
        self._body = body
        self._attempt = attempt

    def __enter__(self) -> Iterator[bytes]:
        return self._chunks()

    def __exit__(self, *exc: object) -> None:
        self._body.close()

    def _chunks(self) -> Iterator[bytes]:
        try:
            yield from self._body.iter_chunks(_CHUNK)
        except (ClientError, BotoCoreError) as error:
            raise failure_from(error, self._attempt) from None


def _info(key: str, answer: dict[str, Any]) -> ObjectInfo:
    return ObjectInfo(
        key, answer["ContentLength"], answer["ETag"].strip('"'), answer["LastModified"]
    )
