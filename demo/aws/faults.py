"""Faults on demand: `POST /pretend/faults` takes a rule or a list of rules, `GET` shows them with
how often each struck, `DELETE` ends them. `/moto-api/reset` ends them too.

A rule names calls by `service`, `action`, `region`, `account` and `path` (S3: "bucket/key"), each a
shell pattern, absent for any; `skip` lets the first n pass and `times` ends it after n strikes.
What it does: `code` (with `status`, default 400, and `message`) answers with that error,
`latency_ms` waits first, `held` waits until the faults end, `cut_after` ends the connection after n
bytes of the real answer's body (whose Content-Length promised more), `truncate_to` gives a shorter
body that claims to be whole.
"""

import json
import threading
import time
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from demo.aws.calls import Call
from demo.aws.errors import Answer, AwsError


@dataclass
class Fault:
    service: str = "*"
    action: str = "*"
    region: str = "*"
    account: str = "*"
    path: str = "*"
    skip: int = 0
    times: int | None = None
    code: str = ""
    status: int = 400
    message: str = "The pretend AWS was told to fail."
    latency_ms: int = 0
    held: bool = False
    cut_after: int | None = None
    truncate_to: int | None = None
    matched: int = 0
    struck: int = 0

    def names(self, call: Call) -> bool:
        return (
            fnmatchcase(call.service, self.service)
            and fnmatchcase(call.action, self.action)
            and fnmatchcase(call.region, self.region)
            and fnmatchcase(call.account_id, self.account)
            and fnmatchcase(call.path, self.path)
        )


class Faults:
    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Condition()

    def reset(self) -> None:
        with self._lock:
            self._rules = []
            self._lock.notify_all()

    def add(self, body: bytes) -> list[dict[str, Any]]:
        """Add the rules of a JSON body. Raises TypeError or ValueError for one that is none."""
        given = json.loads(body)
        rules = [Fault(**rule) for rule in (given if isinstance(given, list) else [given])]
        with self._lock:
            self._rules.extend(rules)
        return self.listed()

    def listed(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(rule) for rule in self._rules]

    def strike(self, call: Call) -> Fault | None:
        """The fault that hits this call, its waiting done and its error raised as AwsError."""
        fault = self._take(call)
        if fault is None:
            return None
        if fault.latency_ms:
            time.sleep(fault.latency_ms / 1000)
        if fault.held:
            self._hold(fault)
        if fault.code:
            raise AwsError(fault.code, fault.message, fault.status)
        return fault

    def _hold(self, fault: Fault) -> None:
        with self._lock:
            self._lock.wait_for(lambda: not any(rule is fault for rule in self._rules))

    def _take(self, call: Call) -> Fault | None:
        with self._lock:
            for rule in self._rules:
                if not rule.names(call):
                    continue
                rule.matched += 1
                spent = rule.times is not None and rule.struck >= rule.times
                if rule.matched > rule.skip and not spent:
                    rule.struck += 1
                    return rule
        return None


def spoilt(fault: Fault, answer: Answer) -> Answer:
    """The answer that a cutting or shortening fault makes of this one."""
    status, headers, body = answer
    if fault.truncate_to is not None:
        body = body[: fault.truncate_to]
        # What the checksum headers say must go too, or a client would notice at once.
        headers = [(k, v) for k, v in headers if not k.lower().startswith("x-amz-checksum")]
        return Answer(status, _with_length(headers, len(body)), body)
    if fault.cut_after is not None:
        return Answer(status, _with_length(headers, len(body)), body[: fault.cut_after])
    return answer


def _with_length(headers: list[tuple[str, str]], length: int) -> list[tuple[str, str]]:
    kept = [(k, v) for k, v in headers if k.lower() != "content-length"]
    return [*kept, ("Content-Length", str(length))]
