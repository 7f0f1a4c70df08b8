"""What discovery asks of a connection's IAM policy, from what the collectors declare."""

from collections.abc import Callable

from connections.aws.errors import AwsFailure
from connections.aws.identity import identify
from connections.aws.session import AwsSession
from connections.jobs import CannotTellError, Permission
from discovery.collectors import COLLECTORS
from discovery.collectors.base import Call
from discovery.metrics.collector import GET_METRIC_DATA
from discovery.regions import DESCRIBE_REGIONS

_MORE = (GET_METRIC_DATA,)


def needed_permissions() -> tuple[Permission, ...]:
    """Return every IAM action of discovery once, each with a way to try it."""
    calls = [DESCRIBE_REGIONS, *(call for one in COLLECTORS for call in one.calls), *_MORE]
    by_action: dict[str, Permission] = {}
    for call in calls:
        by_action.setdefault(call.action, Permission(call.action, call.purpose, _probe(call)))
    return tuple(by_action.values())


def _probe(call: Call) -> Callable[[AwsSession], None]:
    def attempt(session: AwsSession) -> None:
        client = session.client(call.service)
        parameters = call.probe(client) if callable(call.probe) else call.probe
        if parameters is None:
            raise CannotTellError(f"There is nothing to try {call.action} on yet.")
        if call.of_account:
            parameters = {**parameters, "AccountId": identify(session).account_id}
        try:
            client.call(call.operation, **parameters)
        except AwsFailure as failure:
            if failure.code not in call.absent:
                raise

    return attempt
