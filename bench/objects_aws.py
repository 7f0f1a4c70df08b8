"""An S3 that gives out the files of a folder, its own work being next to nothing.

    python -m bench.objects_aws PORT FOLDER

The kernel sends files as they lie there: where a server of S3 works on the same processors, its
work would be measured as the import's. Buckets are the folders in it; no request is checked.
"""

import datetime as dt
import re
import sys
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class Handler(BaseHTTPRequestHandler):
    """Answers for GetObject (also of a range), HeadObject and ListObjectsV2."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # bodies follow their heads at once
    folder: Path

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        address = urlsplit(self.path)
        bucket, _, key = unquote(address.path).lstrip("/").partition("/")
        if key:
            self._object(self.folder / bucket / key, with_body=with_body)
        else:
            asked = {name: values[0] for name, values in parse_qs(address.query).items()}
            self._xml(HTTPStatus.OK, listing(self.folder / bucket, asked))

    def _object(self, path: Path, *, with_body: bool) -> None:
        if not path.is_file():
            self._error(HTTPStatus.NOT_FOUND, "NoSuchKey", with_body=with_body)
            return
        etag = etag_of(path)
        if self.headers.get("If-Match", etag) != etag:
            self._error(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed", with_body=with_body)
            return
        size = path.stat().st_size
        wanted = _RANGE.fullmatch(self.headers.get("Range", ""))
        part = range(int(wanted[1]), min(int(wanted[2]) + 1, size)) if wanted else range(size)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
        if wanted:
            self.send_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", formatdate(path.stat().st_mtime, usegmt=True))
        self.end_headers()
        if with_body:
            with path.open("rb") as file:
                self.connection.sendfile(file, part.start, len(part))

    def _error(self, status: HTTPStatus, code: str, *, with_body: bool) -> None:
        self._xml(status, f"<Error><Code>{code}</Code></Error>" if with_body else "")

    def _xml(self, status: HTTPStatus, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def etag_of(path: Path) -> str:
    """Return what changes with the file; of a real ETag nothing else can be relied on either."""
    return f'"{path.stat().st_mtime_ns:x}-{path.stat().st_size:x}"'


def listing(bucket: Path, asked: dict[str, str]) -> str:
    """Return ListObjectsV2's answer, all on one page."""
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    paths = {str(one.relative_to(bucket)): one for one in bucket.rglob("*") if one.is_file()}
    contents, folders = [], set()
    for key in sorted(name for name in paths if name.startswith(prefix)):
        rest = key.removeprefix(prefix)
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            continue
        stat = paths[key].stat()
        modified = dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        contents.append(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{modified}</LastModified>"
            f"<ETag>{escape(etag_of(paths[key]))}</ETag><Size>{stat.st_size}</Size></Contents>"
        )
    common = [
        f"<CommonPrefixes><Prefix>{escape(one)}</Prefix></CommonPrefixes>"
        for one in sorted(folders)
    ]
    return (
        f"<ListBucketResult><IsTruncated>false</IsTruncated><Prefix>{escape(prefix)}</Prefix>"
        f"{''.join(contents)}{''.join(common)}</ListBucketResult>"
    )


def main(port: int, folder: Path) -> None:
    """Serve until the process ends."""
    Handler.folder = folder
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
