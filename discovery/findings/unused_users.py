"""IAM users who have neither signed in nor used a key for long."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from discovery.findings.base import (
    Hit,
    Kind,
    Rule,
    Stock,
    Stocked,
    Undecided,
    Verdict,
    day,
    is_unknown,
    moment,
)
from discovery.models import ResourceType


def _find(stock: Stock) -> Iterator[Verdict]:
    keys: dict[str, list[Stocked]] = defaultdict(list)
    for key in stock.of(ResourceType.IAM_ACCESS_KEY):
        keys[key.attributes.get("user", key.name)].append(key)
    limit = stock.before(stock.thresholds.unused_days)
    for user in stock.of(ResourceType.IAM_USER):
        own = keys[user.resource_id]
        created = moment(user, "created_at") or user.first_seen
        used = _last_use(user, own)
        if (used or created) > limit:
            continue
        if any(is_unknown(key, "last_used_at") for key in own):
            yield Undecided(user)
            continue
        when = (
            f"Nothing was done as this user since {day(used)}."
            if used
            else f"Made on {day(created)}; never signed in, no key ever used."
        )
        yield Hit(user, when, used or created)


def _last_use(user: Stocked, keys: list[Stocked]) -> datetime | None:
    """Return when the password or a key was used last."""
    times = [moment(user, "password_last_used_at"), *(moment(key, "last_used_at") for key in keys)]
    return max((at for at in times if at is not None), default=None)


UNUSED_USERS = Rule(
    name="unused_users",
    label="Unused IAM user",
    advice="Ask the owner; then take the password and the keys away.",
    kind=Kind.SECURITY,
    find=_find,
)
