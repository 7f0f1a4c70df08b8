"""The people of the sample company and how they sign in.

The passwords are public: the demo answers on 127.0.0.1 only.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A demo sign-in. `role` is None for the platform's administrator, who belongs to nobody."""

    username: str
    password: str
    role: str | None
    place: str
    purpose: str


PEOPLE = (
    Person("operator", "operator-demo", "operator", "/admin/", "connects AWS accounts"),
    Person("finance", "finance-demo", "finance", "/", "reads costs, keeps budgets"),
    Person("viewer", "viewer-demo", "viewer", "/", "reads costs"),
    Person("admin", "admin-demo", None, "/admin/", "administers the platform"),
)
