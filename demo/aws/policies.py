"""IAM's policy language, as far as the portal's own policies and their tests speak it.

Known: Allow and Deny, Action and NotAction, Resource and NotResource, Principal, wildcards, and the
string and ARN condition operators. A condition with another operator never holds, so an Allow that
hangs on one refuses and a Deny that hangs on one does not bite.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Any

Policy = dict[str, Any]
Context = dict[str, str]

STRING_TESTS = {
    "StringEquals": (False, True),
    "StringNotEquals": (False, False),
    "StringLike": (True, True),
    "StringNotLike": (True, False),
    "ArnEquals": (True, True),
    "ArnLike": (True, True),
    "ArnNotLike": (True, False),
}


def is_allowed(
    policies: Iterable[Policy], action: str, resources: list[str], context: Context
) -> bool:
    """Identity policies: every resource has an Allow, and none a Deny."""
    policies = list(policies)
    return all(decision(policies, action, r, context) == "allowed" for r in resources)


def decision(policies: Iterable[Policy], action: str, resource: str, context: Context) -> str:
    """ "allowed", "explicitDeny" or "implicitDeny", as IAM's simulator calls them."""
    statements = [statement for policy in policies for statement in statements_of(policy)]
    effects = {s["Effect"] for s in statements if _applies(s, action, resource, context)}
    if "Deny" in effects:
        return "explicitDeny"
    return "allowed" if "Allow" in effects else "implicitDeny"


def principals_allowed(
    policy: Policy, action: str, resource: str | None, context: Context
) -> list[dict[str, list[str]]]:
    """Who a resource's own policy (a role's trust, a bucket's policy) lets do this.

    Each entry is one statement's Principal, with every value as a list. `resource` None: the
    policy belongs to the resource and names none.
    """
    allowed = []
    for statement in statements_of(policy):
        if statement["Effect"] == "Allow" and _applies(statement, action, resource, context):
            principal = statement.get("Principal", {})
            named = {"AWS": "*"} if principal == "*" else principal
            allowed.append({kind: as_list(value) for kind, value in named.items()})
    return allowed


def statements_of(policy: Policy) -> list[Policy]:
    return as_list(policy.get("Statement", []))


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _applies(statement: Policy, action: str, resource: str | None, context: Context) -> bool:
    return (
        _in_element(statement, "Action", action.lower(), lower=True)
        and (resource is None or _in_element(statement, "Resource", resource))
        and _conditions_hold(statement.get("Condition", {}), context)
    )


def _in_element(statement: Policy, element: str, value: str, *, lower: bool = False) -> bool:
    negated = f"Not{element}" in statement
    patterns = as_list(statement.get(f"Not{element}" if negated else element, []))
    matched = any(matches(p.lower() if lower else p, value) for p in patterns)
    return matched != negated


def _conditions_hold(conditions: dict[str, dict[str, Any]], context: Context) -> bool:
    return all(
        _condition_holds(operator, as_list(wanted), context.get(key))
        for operator, tests in conditions.items()
        for key, wanted in tests.items()
    )


def _condition_holds(operator: str, wanted: list[str], value: str | None) -> bool:
    name = operator.removesuffix("IfExists")
    if name not in STRING_TESTS:
        return False
    wildcards, positive = STRING_TESTS[name]
    if value is None:
        return name != operator or not positive
    found = any(matches(w, value) if wildcards else w == value for w in wanted)
    return found == positive


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text.replace("[", "[[]")), re.DOTALL)


def matches(pattern: str, value: str) -> bool:
    """IAM's wildcards: * for any run of characters, ? for one."""
    return pattern == "*" or _pattern(pattern).match(value) is not None
