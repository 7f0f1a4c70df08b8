"""Celery beat's own admin pages: for administrators only.

Whoever may edit a PeriodicTask can run any registered task with any arguments. Operators change
schedules on their connections instead, as plain intervals.
"""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django_celery_beat import admin as beat_admin
from django_celery_beat import models as beat

from organizations.admin_base import CarefulChangeList


class AdministratorsOnly:
    """Django admin permissions that ask for a superuser."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_administrator(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_administrator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_administrator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_administrator(request)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return what reads the list."""
        return CarefulChangeList

    @staticmethod
    def _is_administrator(request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


# Roles come from memberships; Django's groups would give nothing.
admin.site.unregister(Group)


def _close(model: Any, base: Any = admin.ModelAdmin) -> None:
    admin.site.unregister(model)
    admin.site.register(model, type(f"Closed{base.__name__}", (AdministratorsOnly, base), {}))


_close(beat.PeriodicTask, beat_admin.PeriodicTaskAdmin)
_close(beat.IntervalSchedule, beat_admin.IntervalScheduleAdmin)
_close(beat.CrontabSchedule, beat_admin.CrontabScheduleAdmin)
_close(beat.SolarSchedule, beat_admin.SolarScheduleAdmin)
_close(beat.ClockedSchedule, beat_admin.ClockedScheduleAdmin)
