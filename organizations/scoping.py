"""The first wall between organizations: every query says whose rows it may see."""

from typing import Any, ClassVar, Self, TypeVar

from django.db import models

from organizations.access import Action, Principal

M_co = TypeVar("M_co", bound=models.Model, covariant=True)


class ScopedQuerySet(models.QuerySet[M_co]):
    """Queryset of rows that belong to an organization."""

    def for_user(self, user: Principal | Any, action: Action) -> Self:
        """Return the rows of the organizations in which `user` may do `action`.

        `user` is a User, a TokenPrincipal or Django's AnonymousUser (which sees nothing).
        """
        if not user.is_authenticated:
            return self.none()
        return self.filter(**{f"{self._path}__in": user.organizations_allowing(action)})

    def of(self, organization: models.Model | int) -> Self:
        """Return the rows of one organization (an object or its id)."""
        return self.filter(**{self._path: organization})

    @property
    def _path(self) -> str:
        path: str = self.model.organization_path  # type: ignore[attr-defined]
        return path


class ScopedModel(models.Model):
    """A row that belongs to an organization, directly or through `organization_path`.

    `organization_path` is the lookup from the row to its organization.
    """

    organization_path: ClassVar[str] = "organization"

    objects: ClassVar[Any] = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def owner_id(self) -> int:
        """Return the id of the organization that owns this row."""
        value: Any = self
        for step in self.organization_path.split("__"):
            value = getattr(value, step)
        pk: int = value.pk
        return pk
