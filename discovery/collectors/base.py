"""What a collector is: a family of resources, the calls it makes, and how it reads the answers.

A new family is one module with one `Collector`, named in `discovery.collectors.COLLECTORS`. What a
collector declares is all that the rest of the portal knows of it: the permission check and the
policies that users copy are made from its `calls`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from connections.aws.session import AwsClient, iam_action
from connections.resource_costs import normalised_id
from discovery.models import ResourceType

GLOBAL = "global"

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Call:
    """One API call that a collector makes.

    `purpose` says what for, as a label. `probe` are parameters with which the call can be tried
    without harm; or, for a call that needs a resource, a function that names one to try it on
    (None when there is none); absent: it cannot be tried. AWS's error codes in `absent` are
    answers too: allowed, but there is no such thing. `of_account`: it wants to be told the account.
    """

    service: str
    operation: str
    purpose: str
    probe: Mapping[str, Any] | Callable[[AwsClient], Mapping[str, Any] | None] | None = None
    absent: tuple[str, ...] = ()
    of_account: bool = False

    @property
    def action(self) -> str:
        """Return the IAM action that allows the call."""
        return iam_action(self.service, self.operation)


@dataclass(frozen=True, slots=True)
class Found:
    """One resource as AWS describes it now.

    `region` is where it is, "global" for what belongs to no region. `attributes` hold JSON values
    (times as ISO 8601 text). `unknown` names the details that AWS refused to tell.
    """

    type: ResourceType
    resource_id: str
    region: str
    arn: str = ""
    name: str = ""
    state: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    unknown: Sequence[str] = ()

    @property
    def cost_id(self) -> str:
        """Return the id by which bills name it."""
        return normalised_id(self.arn or self.resource_id)


class Place(Protocol):
    """Where a collector looks: one account, and one region or the whole account."""

    region: str
    account_id: str
    partition: str

    def client(self, service: str, region: str = "") -> AwsClient:
        """Return a client in this region, or in another one. May be shared between threads."""

    def each(
        self, function: Callable[[Item], Answer], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Answer]]:
        """Yield (item, function(item)) in order, several at a time."""

    def detail(
        self, what: str, of: str, ask: Callable[[], Answer], absent: Mapping[str, Answer]
    ) -> Answer | None:
        """Return ask(), a detail without which the resource `of` is still worth showing.

        AWS's error codes in `absent` mean that there is none: their value is the answer. Any
        other failure makes the detail unknown: None, said on the run.
        """


@dataclass(frozen=True)
class Collector:
    """One family of resources: its stable name, its label, its types, its calls.

    `collect` yields every resource of the family in a place that belongs to the place's account,
    and raises AwsFailure when the answer stays incomplete. `is_regional` False: asked once, not
    in every region. `asks_each`: it makes a call or more for each resource, which are many small
    answers.
    """

    family: str
    label: str
    types: tuple[ResourceType, ...]
    calls: tuple[Call, ...]
    collect: Callable[[Place], Iterator[Found]]
    is_regional: bool = True
    asks_each: bool = False


def tags_of(item: Mapping[str, Any], key: str = "Tags") -> dict[str, str]:
    """Return AWS's list of tags as a mapping; of a key that comes twice the first one counts."""
    tags: dict[str, str] = {}
    for tag in item.get(key) or ():
        tags.setdefault(tag["Key"], tag.get("Value", ""))
    return tags


def facts(**values: Any) -> dict[str, Any]:
    """Return the values that there are, in the form they are stored in."""
    return {name: _plain(value) for name, value in values.items() if value not in (None, "", [])}


def _plain(value: Any) -> Any:
    # Nearly all are texts and numbers; the order of the questions is that of how often.
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value


def arn(place: Place, service: str, rest: str, *, region: str | None = None) -> str:
    """Return the ARN of a resource of this place's account."""
    where = place.region if region is None else region
    return f"arn:{place.partition}:{service}:{where}:{place.account_id}:{rest}"


def pages(place: Place, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
    """Yield what a paginated list holds. EC2 throttles lists without page sizes twice as hard."""
    size = {"PageSize": _PAGE_SIZES[service]}
    client = place.client(service)
    return client.pages(operation, key, PaginationConfig=size, **parameters)


_PAGE_SIZES = {"ec2": 500, "elb": 400, "elbv2": 400, "iam": 1000}
TAGS_PER_CALL = 20


def tags_in_batches(
    place: Place,
    names: Sequence[str],
    ask: Callable[[Sequence[str]], Mapping[str, dict[str, str]]],
    *,
    missing: str,
) -> dict[str, dict[str, str] | None]:
    """Return the tags of load balancers by name (or ARN); None where they are unknown.

    AWS tells the tags of 20 in one call, and refuses all of them with the code `missing` when one
    was deleted meanwhile: then each is asked for by itself.
    """

    deleted: Mapping[str, dict[str, str]] = {}

    def told(batch: Sequence[str]) -> dict[str, dict[str, str] | None]:
        answer = place.detail("tags", ", ".join(batch), lambda: ask(batch), {missing: deleted})
        if answer is None:
            return dict.fromkeys(batch)
        if answer is deleted and len(batch) > 1:
            return {name: tags for one in batch for name, tags in told((one,)).items()}
        return {name: answer.get(name, {}) for name in batch}

    batches = [names[i : i + TAGS_PER_CALL] for i in range(0, len(names), TAGS_PER_CALL)]
    return {name: tags for _, answer in place.each(told, batches) for name, tags in answer.items()}
