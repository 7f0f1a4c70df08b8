"""System checks: configuration mistakes that would weaken the walls stop the start."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from organizations import crypto
from organizations.scoping import ScopedModel

OUR_APPS = ("organizations", "connections", "billing", "discovery")
# Rows that do not belong to one organization, each with its reason.
UNSCOPED = {
    "organizations.Organization": "is the owner itself",
    "organizations.User": "a person may belong to several",
    "organizations.SignInAttempt": "nobody is known yet while they sign in",
}


@register("models")
def every_model_is_scoped(app_configs: object, **kwargs: Any) -> Sequence[CheckMessage]:
    """Each model of ours belongs to an organization or is listed with a reason."""
    return [
        Error(
            f"{model._meta.label} belongs to no organization.",
            hint="Derive it from ScopedModel, or list it in organizations.checks.UNSCOPED.",
            id="organizations.E001",
        )
        for model in apps.get_models()
        if model._meta.app_label in OUR_APPS
        and not model._meta.auto_created
        and not issubclass(model, ScopedModel)
        and model._meta.label not in UNSCOPED
    ]


@register("security")
def field_keys_are_usable(app_configs: object, **kwargs: Any) -> Sequence[CheckMessage]:
    """FIELD_KEYS holds well-formed keys."""
    try:
        crypto.box()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="organizations.E002")]
    return []
