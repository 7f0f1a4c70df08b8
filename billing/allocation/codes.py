"""The codes of an organization's cost centers, in questions and answers. Reads only."""

from billing.allocation.models import CostCenter, Split
from billing.cost_query import CostQuery, CostQueryError
from billing.dimensions import COST_CENTER
from organizations.models import Organization

UNALLOCATED = "Unallocated"


def center_names(organization: Organization) -> dict[str, str]:
    """Return {code: name} of all cost centers, and the name of what no rule takes."""
    centers = CostCenter.objects.of(organization).values_list("code", "name")
    return {"": UNALLOCATED, **dict(centers)}


def shows_split_costs(query: CostQuery, organization: Organization) -> bool:
    """Say whether shared costs stand with those who bear them in the answer."""
    names = (*query.group_by, *(one.dimension for one in query.filters))
    if COST_CENTER not in names:
        return False
    shared = CostCenter.objects.of(organization).exclude(split=Split.NONE)
    return bool(shared.exists())


def check_centers(query: CostQuery, organization: Organization) -> None:
    """Raise CostQueryError for a filter on a cost center that is not there."""
    filters = [one for one in query.filters if one.dimension == COST_CENTER and not one.is_part]
    if not filters:
        return
    known = center_names(organization)
    errors = {
        one.parameter: [
            f"There is no cost center “{value}” here." for value in one.values if value not in known
        ]
        for one in filters
    }
    wrong = {name: sentences for name, sentences in errors.items() if sentences}
    if wrong:
        raise CostQueryError(wrong)
