"""The libraries of other people are the ones that were published."""

import hashlib
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor"
PUBLISHED_CHART_JS = "87364cc2b2a76a6684929e7d6b80b18a897794db38400caff1fcf1791c6925d2"


def test_every_vendored_file_has_the_hash_that_is_written_down() -> None:
    listed = dict(
        reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines()
    )
    found = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.glob("*/**/*")
        if path.is_file()
    }
    assert found == listed


def test_chart_js_is_the_published_file_without_its_source_map() -> None:
    kept = (VENDOR / "chart.js" / "chart.umd.min.js").read_bytes()
    published = kept + b"//# sourceMappingURL=chart.umd.min.js.map\n"
    assert hashlib.sha256(published).hexdigest() == PUBLISHED_CHART_JS
    assert b"eval(" not in kept
    assert b"new Function(" not in kept
