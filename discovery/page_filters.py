"""The fields above the lists of resources, findings and costs that were not found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import QueryDict

from connections.models import Account, Connection
from discovery.models import Resource
from organizations.models import Organization

Options = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Choice:
    """A field to choose from. `any` is the label of no choice, "" where there must be one."""

    name: str
    label: str
    any: str
    options: Options
    chosen: str = ""
    sentences: Sequence[str] = ()


@dataclass(frozen=True)
class Entry:
    """A field to write into. `kind` is the input's type."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    sentences: Sequence[str] = ()


class Fields:
    """Makes the fields of one page show what its address says."""

    def __init__(self, params: QueryDict, problems: Mapping[str, Sequence[str]]) -> None:
        self._params = params
        self._problems = problems

    def choice(self, name: str, label: str, any_label: str, options: Options) -> Choice:
        """Return a field to choose from; the address may name more values than one."""
        chosen, sentences = self._params.get(name, ""), self._problems.get(name, ())
        return Choice(name, label, any_label, options, chosen, sentences)

    def entry(self, name: str, label: str, kind: str = "text") -> Entry:
        """Return a field to write into."""
        value, sentences = self._params.get(name, ""), self._problems.get(name, ())
        return Entry(name, label, kind, value, sentences)


def account_names(organization: Organization) -> dict[str, str]:
    """Return {account id: name} of the accounts that are known."""
    return dict(Account.objects.of(organization).values_list("account_id", "name"))


def account_options(organization: Organization) -> Options:
    """Return the connected accounts."""
    names = account_names(organization)
    connected = Connection.objects.of(organization).connected().order_by("account_id")
    ids = connected.values_list("account_id", flat=True)
    return [(one, f"{names.get(one) or 'Account'} ({one})") for one in ids]


def region_options(organization: Organization) -> Options:
    """Return the regions in which something was found."""
    found = Resource.objects.of(organization).order_by().values_list("region", flat=True)
    return [(one, one) for one in sorted(found.distinct())]


def state_options(organization: Organization) -> Options:
    """Return the states, in AWS's words, in which something was found."""
    found = Resource.objects.of(organization).exclude(state="").order_by()
    return [(one, one) for one in sorted(found.values_list("state", flat=True).distinct())]


def without(params: QueryDict, *names: str) -> QueryDict:
    """Return the parameters without some of them."""
    kept = params.copy()
    for name in names:
        kept.pop(name, None)
    return kept


def unknown_parameters(params: QueryDict, known: frozenset[str]) -> dict[str, list[str]]:
    """Return what is wrong with parameters that a page does not know ("tag:" is a prefix)."""
    prefixes = tuple(name for name in known if name.endswith(":"))
    return {
        name: ["This parameter is not known here."]
        for name in params
        if name not in known and not (prefixes and name.startswith(prefixes))
    }
