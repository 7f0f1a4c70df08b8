"""Active access keys that nobody has used for long."""

from collections.abc import Iterator

from discovery.findings.base import (
    Hit,
    Kind,
    Rule,
    Stock,
    Undecided,
    Verdict,
    day,
    is_unknown,
    moment,
)
from discovery.models import ResourceType


def _find(stock: Stock) -> Iterator[Verdict]:
    limit = stock.before(stock.thresholds.unused_days)
    for key in stock.of(ResourceType.IAM_ACCESS_KEY, state="Active"):
        if is_unknown(key, "last_used_at"):
            yield Undecided(key)
            continue
        created = moment(key, "created_at") or key.first_seen
        used = moment(key, "last_used_at")
        if (used or created) <= limit:
            when = f"not used since {day(used)}" if used else f"made on {day(created)}, never used"
            evidence = f"Active key of the user {key.attributes.get('user', key.name)}, {when}."
            yield Hit(key, evidence, used or created)


UNUSED_KEYS = Rule(
    name="unused_keys",
    label="Unused access key",
    advice="Deactivate the key; delete it when nobody misses it.",
    kind=Kind.SECURITY,
    find=_find,
)
