"""The fixed cast: the people and tokens of two companies, the same in every test.

Acme has Olivia (owner), Oscar (operator), Fiona (finance) and Victor (viewer). Bolt has Boris
(owner), who must never see anything of Acme. Nora belongs to nobody. Ada administers the whole
installation.
"""

from dataclasses import dataclass, field

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client
from rest_framework.test import APIClient

from organizations.access import Role
from organizations.models import ApiToken, Membership, Organization, User

PASSWORD = "a long pass phrase"
_HASH = make_password(PASSWORD)  # once: hashing is slow on purpose


@dataclass
class Cast:
    """The people by first name, and the two companies."""

    acme: Organization
    bolt: Organization
    people: dict[str, User] = field(default_factory=dict)
    tokens: dict[tuple[str, Role], str] = field(default_factory=dict)

    def __getattr__(self, name: str) -> User:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def browser(self, name: str | None) -> Client:
        """Return a browser signed in as this person; None is a stranger."""
        client = Client(enforce_csrf_checks=False)
        if name is not None:
            client.force_login(self.people[name])
        return client

    def api(self, role: Role, organization: Organization | None = None) -> APIClient:
        """Return an API client with a token of this role in Acme (or another company)."""
        company = organization or self.acme
        key = (company.slug, role)
        if key not in self.tokens:
            self.tokens[key] = ApiToken.issue(organization=company, role=role, name=str(role))[1]
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Token {self.tokens[key]}")
        return client


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast, fresh in the database."""
    companies = (
        Organization(slug="acme", name="Acme Ltd"),
        Organization(slug="bolt", name="Bolt Inc"),
    )
    made = Cast(*Organization.objects.bulk_create(companies))
    roles = {
        "olivia": (made.acme, Role.OWNER),
        "oscar": (made.acme, Role.OPERATOR),
        "fiona": (made.acme, Role.FINANCE),
        "victor": (made.acme, Role.VIEWER),
        "boris": (made.bolt, Role.OWNER),
    }
    people = User.objects.bulk_create(
        User(
            username=name,
            email=f"{name}@example.com",
            password=_HASH,
            is_superuser=name == "ada",
        )
        for name in (*roles, "nora", "ada")
    )
    made.people = {person.username: person for person in people}
    Membership.objects.bulk_create(
        Membership(user=made.people[name], organization=company, role=role)
        for name, (company, role) in roles.items()
    )
    return made
