"""Base of every admin page: rows, choices, filters and buttons are scoped to the operator."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import BadRequest, ImproperlyConfigured, PermissionDenied
from django.db import DataError, models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from organizations.access import Action, is_allowed
from organizations.models import Organization
from organizations.runs import RunFailure
from organizations.scoping import ScopedModel, ScopedQuerySet

M = TypeVar("M", bound=ScopedModel)


@dataclass(frozen=True)
class ObjectAction:
    """A button on an object's page. `run` does the work and returns the sentence to show.

    `applies` hides (and refuses) the button where it makes no sense. `confirm` is the question
    asked on a page of its own before anything happens.
    """

    name: str
    label: str
    run: Callable[[HttpRequest, Any], str]
    applies: Callable[[Any], bool] = lambda obj: True
    confirm: Callable[[Any], str] | None = None


class CarefulChangeList(ChangeList):
    """A list whose address may ask for what no row can be: Django's own fails on that."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the rows. An address that PostgreSQL cannot be asked leads back to the list."""
        try:
            super().get_results(request)
        except (DataError, ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from None


class ScopedAdmin(ModelAdmin[M]):
    """Admin of rows that belong to an organization.

    `view_action` and `change_action` (None: nobody changes) guard it; Django's own permission
    rows are not used. Buttons are `object_actions`, POST only.
    """

    view_action: ClassVar[Action]
    change_action: ClassVar[Action | None] = None
    object_actions: ClassVar[Sequence[ObjectAction]] = ()
    may_add: ClassVar[bool] = False
    may_delete: ClassVar[bool] = False
    change_form_template = "admin/scoped_change_form.html"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not isinstance(getattr(cls, "view_action", None), Action):
            raise ImproperlyConfigured(f"{cls.__name__} must declare view_action.")

    # --- rows -------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the rows of the organizations in which the user may view them."""
        queryset = super().get_queryset(request)
        if not isinstance(queryset, ScopedQuerySet):
            raise ImproperlyConfigured(f"{self.model.__name__}.objects is not scoped.")
        return queryset.for_user(request.user, self.view_action)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer, and accept, only related rows that the user may use."""
        choices = scoped_choices(
            db_field.related_model, request.user, self.change_action or self.view_action
        )
        kwargs["queryset"] = choices
        few = list(choices[:2])
        if len(few) == 1:
            kwargs["initial"] = few[0].pk
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Make filters over relations list only what occurs in the user's own rows."""
        return [self._scoped_filter(one) for one in super().get_list_filter(request)]

    def _scoped_filter(self, one: Any) -> Any:
        if not isinstance(one, str):
            return one
        field = get_fields_from_path(self.model, one)[-1]
        if field.is_relation:
            return (one, admin.RelatedOnlyFieldListFilter)
        if field.choices or isinstance(field, models.BooleanField | models.DateField):
            return one
        raise ImproperlyConfigured(
            f"{type(self).__name__}: a filter on {one} would list every organization's values."
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Head the list with the name of what it lists."""
        title = str(self.model._meta.verbose_name_plural).capitalize()
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return what reads the list."""
        return CarefulChangeList

    def response_action(self, request: HttpRequest, *args: Any, **more: Any) -> HttpResponse | None:
        """Do something with the rows that were ticked."""
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(one.isascii() and one.isdigit() for one in ticked):
            raise BadRequest("Tick rows of the list.")
        return super().response_action(request, *args, **more)

    @admin.display(description="organization")
    def organization_name(self, obj: Any) -> str:
        """Name the organization without a link: its own page is the administrators'."""
        return str(obj.organization)

    # --- permissions ------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.view_action, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.change_action is not None and self._may(request, self.change_action, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_add and self.has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_delete and self.has_change_permission(request, obj)

    @staticmethod
    def _may(request: HttpRequest, action: Action, obj: Any) -> bool:
        user: Any = request.user
        if not user.is_authenticated:
            return False
        if obj is None:
            return bool(user.organizations_allowing(action).exists())
        return is_allowed(user, action, obj.owner_id)

    # --- buttons ----------------------------------------------------------------------------
    def may_press_buttons(self, request: HttpRequest, obj: Any) -> bool:
        """Say whether the user may press the object's buttons: whoever may change it."""
        return self.has_change_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """Add the address of the buttons: `<id>/do/<name>/`."""
        name = f"{self.model._meta.app_label}_{self.model._meta.model_name}_do"
        view = self.admin_site.admin_view(self._do)
        return [path("<path:object_id>/do/<slug:name>/", view, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the object with its buttons."""
        obj = self.get_object(request, object_id)
        shown = []
        if obj is not None and self.may_press_buttons(request, obj):
            shown = [one for one in self.object_actions if one.applies(obj)]
        kept = {"object_actions": shown, "keeps_history": self.change_action is not None}
        context = {**(extra_context or {}), **kept}
        return super().change_view(request, object_id, form_url, context)

    @method_decorator(require_POST)
    def _do(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        obj = self.get_object(request, object_id)
        found = next((one for one in self.object_actions if one.name == name), None)
        if obj is None or found is None:
            raise Http404("There is no such thing here.")
        if not self.may_press_buttons(request, obj) or not found.applies(obj):
            raise PermissionDenied("This is not possible for you here.")
        if found.confirm is not None and "confirmed" not in request.POST:
            return self._ask(request, obj, found)
        try:
            messages.success(request, found.run(request, obj))
        except RunFailure as failure:
            messages.error(request, " ".join(filter(None, (failure.message, failure.hint))))
        return HttpResponseRedirect(self.url_after_action(request, obj))

    def url_after_action(self, request: HttpRequest, obj: Any) -> str:
        """Return where a button leads: back to the object, or to the list when it is gone."""
        opts = self.model._meta
        base = f"{self.admin_site.name}:{opts.app_label}_{opts.model_name}"
        if self.get_object(request, str(obj.pk)) is None:
            return reverse(f"{base}_changelist")
        return reverse(f"{base}_change", args=[obj.pk])

    def _ask(self, request: HttpRequest, obj: Any, action: ObjectAction) -> HttpResponse:
        assert action.confirm is not None  # noqa: S101 - _do asked
        context = {
            **self.admin_site.each_context(request),
            "title": action.label,
            "opts": self.model._meta,
            "original": obj,
            "action": action,
            "question": action.confirm(obj),
        }
        return TemplateResponse(request, "admin/confirm_action.html", context)


class ReadOnlyAdmin(ScopedAdmin[M]):
    """Admin of rows that only code writes: runs, audit events, facts."""

    view_action = Action.MANAGE_CONNECTIONS


class ScopedInline(admin.TabularInline[Any, Any]):
    """Read-only rows inside another object's page; the parent's scope is theirs."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave it to the parent's page. Django asks without the parent, too, for the rows."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def scoped_choices(model: type[models.Model], user: Any, action: Action) -> Any:
    """Return the rows of `model` that the user may choose in a form."""
    if issubclass(model, Organization):
        return user.organizations_allowing(action)
    if issubclass(model, ScopedModel):
        return model.objects.for_user(user, action)
    raise ImproperlyConfigured(f"{model.__name__} rows cannot be offered: they have no owner.")
