"""What was asked since the last reset: `GET /pretend/requests` counts it, `DELETE` forgets it.

The answer: {"total", "by_action": {"s3:GetObject": n}, "requests": [{"service", "action",
"region", "account", "path", "status", "count"}]}. A refused call counts too, with its status.
"""

import threading
from collections import Counter
from typing import Any

from demo.aws.calls import Call

FIELDS = ("service", "action", "region", "account", "path", "status")

Page = Counter[tuple[str, str, str, str, str, int]]


class Journal:
    def __init__(self) -> None:
        self.page: Page = Counter()
        self._lock = threading.Lock()

    def reset(self) -> None:
        self.page = Counter()

    def note(self, page: Page, call: Call, status: int) -> None:
        """Count a call on the page that was open when it came: who forgets it, forgets it."""
        entry = (call.service, call.action, call.region, call.account_id, call.path, status)
        with self._lock:
            page[entry] += 1

    def summary(self) -> dict[str, Any]:
        with self._lock:
            counts = sorted(self.page.items())
        by_action: Counter[str] = Counter()
        for entry, count in counts:
            by_action[f"{entry[0]}:{entry[1]}"] += count
        return {
            "total": by_action.total(),
            "by_action": dict(by_action),
            "requests": [
                {**dict(zip(FIELDS, entry, strict=True)), "count": count} for entry, count in counts
            ],
        }
