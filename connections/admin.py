"""Operators' screens of connections: what is healthy, what broke, since when, what to do."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import capfirst
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from connections import jobs, schedules, services
from connections.aws.session import external_id_of
from connections.forms import ConnectionForm
from connections.models import AuthMethod, CheckRun, Connection, ConnectionKind
from connections.organization_page import OrganizationPage
from connections.panels import panel_of
from organizations.access import Action
from organizations.admin_base import ObjectAction, ReadOnlyAdmin, ScopedAdmin
from organizations.runs import RunState, Trigger


def badge(state: str, label: str) -> SafeString:
    """Return a state as a badge; the word says it, the colour repeats it."""
    return format_html('<span class="badge badge-{}">{}</span>', state, label)


class ConnectedFilter(admin.SimpleListFilter):
    """Disconnected accounts stay out of the way until somebody asks for them."""

    title = "connected"
    parameter_name = "connected"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Disconnected")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(disconnected_at__isnull=self.value() != "no")

    def choices(self, changelist: Any) -> Any:
        """Call the default what it shows."""
        first, *others = super().choices(changelist)
        return [{**first, "display": "Connected"}, *others]


def _job_action(name: str, label: str) -> ObjectAction:
    def run(request: HttpRequest, connection: Connection) -> str:
        started = jobs.job(name).start(connection, Trigger.MANUAL)
        state = "is under way" if started.state == RunState.RUNNING else "is queued"
        return f"{capfirst(str(started._meta.verbose_name))} {started.pk} of {connection} {state}."

    def applies(connection: Connection) -> bool:
        names = {job.name for job in jobs.jobs_of(connection)}
        return connection.is_connected and name in names

    return ObjectAction(name=name, label=label, run=run, applies=applies)


def _pause(request: HttpRequest, connection: Connection) -> str:
    services.set_paused(connection, paused=True)
    return f"{connection} is paused."


def _resume(request: HttpRequest, connection: Connection) -> str:
    services.set_paused(connection, paused=False)
    return f"{connection} goes on with its schedule."


def _disconnect(request: HttpRequest, connection: Connection) -> str:
    services.disconnect(connection)
    return f"{connection} is disconnected. Its history is kept."


def _disconnect_question(connection: Connection) -> str:
    left_out = "its costs leave the totals"
    if connection.kind == ConnectionKind.ROOT:
        left_out += ", and no new bill comes for the accounts that it pays for"
    return (
        f"Disconnecting {connection} erases its credentials and stops its imports and discovery;"
        f" {left_out}.{_opened_by(connection)}\n\nNothing that was imported or discovered is"
        " deleted, and nothing changes in AWS. Connect the account again and everything is back."
    )


def _opened_by(connection: Connection) -> str:
    """Say whose roles its credentials assume: discovery of those accounts fails without it."""
    names = [one.name for one in connection.opens.filter(disconnected_at=None)]
    if not names:
        return ""
    return (
        " Its credentials also assume the roles of other connections, whose resources can then not"
        f" be discovered: {', '.join(names[:10])}{' …' if len(names) > 10 else ''}."
    )


@admin.register(Connection)
class ConnectionAdmin(OrganizationPage, ScopedAdmin[Connection]):
    """AWS accounts and how they are."""

    view_action = change_action = Action.MANAGE_CONNECTIONS
    may_add = True
    form = ConnectionForm
    change_form_template = "admin/connections/connection/change_form.html"
    list_display = [
        "shown_status",
        "name",
        "account",
        "trouble",
        "last_import",
        "next_import",
        "data_through",
    ]
    list_display_links = ["name"]
    list_filter = [ConnectedFilter, "status", "kind", "organization"]
    list_select_related = ["organization"]
    list_per_page = 50
    search_fields = ["name", "account_id"]
    object_actions = [
        _job_action("check", "Test connection"),
        _job_action("import", "Import now"),
        _job_action("discover", "Discover now"),
        ObjectAction(
            name="pause",
            label="Pause",
            run=_pause,
            applies=lambda one: one.is_connected and not one.is_paused,
        ),
        ObjectAction(
            name="resume",
            label="Resume",
            run=_resume,
            applies=lambda one: one.is_connected and one.is_paused,
        ),
        ObjectAction(
            name="disconnect",
            label="Disconnect",
            run=_disconnect,
            applies=lambda one: one.is_connected,
            confirm=_disconnect_question,
        ),
    ]

    class Media:
        css = {"all": ["css/connections.css"]}
        js = ["js/connection-form.js"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("health")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change what was disconnected: it comes back by being connected again."""
        if obj is not None and not obj.is_connected:
            return False
        return super().has_change_permission(request, obj)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Name the organization only to those who work in several."""
        mine = request.user.organizations_allowing(self.view_action)  # type: ignore[union-attr]
        return [*self.list_display, *(["organization"] if mine.count() > 1 else [])]

    # --- form -------------------------------------------------------------------------------
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else ["organization_name", "kind"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show each way to sign in under a heading of its own; a script hides the others."""
        if obj is not None and not obj.is_connected:
            return [(None, {"fields": ["organization_name", "name", "kind", "auth_method"]})]
        whose = "organization" if obj is None else "organization_name"
        root_only = obj is None or obj.kind == ConnectionKind.ROOT
        schedule = [*(["import_every"] if root_only else []), "discover_every"]
        return [
            (None, {"fields": [whose, "name", "kind"]}),
            ("Signing in", {"fields": ["auth_method"]}),
            (
                "With an access key",
                {"fields": ["access_key_id", "secret"], "classes": ["for-auth-access_key"]},
            ),
            (
                "With a role",
                {
                    "fields": ["role_arn", *(["through"] if obj is None or not root_only else [])],
                    "classes": ["for-auth-assume_role"],
                    "description": self._external_ids(request, obj),
                },
            ),
            *([_EXPORT_FIELDSET] if root_only else []),
            *([_COSTS_ONLY_FIELDSET] if obj is None else []),
            ("Schedule", {"fields": schedule}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Choose what most choose, so that the form starts with the fields that they need."""
        mine = request.user.organizations_allowing(self.view_action)  # type: ignore[union-attr]
        chosen = {"kind": ConnectionKind.ROOT, "auth_method": AuthMethod.ACCESS_KEY}
        only = {"organization": mine[0]} if len(mine) == 1 else {}
        return {**chosen, **only, **super().get_changeform_initial_data(request)}

    @staticmethod
    def _external_ids(request: HttpRequest, obj: Connection | None) -> SafeString:
        """Return what the trust policy of a role must demand, for each organization."""
        mine = request.user.organizations_allowing(Action.MANAGE_CONNECTIONS)  # type: ignore[union-attr]
        if obj is not None:
            mine = mine.filter(pk=obj.organization_id)
        rows = ((external_id_of(one), one.name) for one in mine)
        listed = format_html_join(", ", "<code>{}</code> ({})", rows)
        return format_html(
            "The role's trust policy must name whoever assumes the role and demand the external"
            " id {}. Connecting proves that the role cannot be assumed without it.",
            listed,
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Take over what the form's service has written."""
        obj.__dict__.update(form.saved.__dict__)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show how the connection is above its form."""
        connection = self.get_object(request, object_id)
        panel = panel_of(connection, self.admin_site) if connection is not None else None
        context = {**(extra_context or {}), "panel": panel}
        return super().change_view(request, object_id, form_url, context)

    # --- list -------------------------------------------------------------------------------
    @admin.display(description="Status", ordering="status")
    def shown_status(self, obj: Connection) -> str:
        shown = badge(obj.status, obj.get_status_display().partition(" ")[0])
        return format_html("{} <small>since {}</small>", shown, _moment(obj.status_since))

    @admin.display(description="Account", ordering="account_id")
    def account(self, obj: Connection) -> str:
        kind = "payer" if obj.kind == ConnectionKind.ROOT else "linked"
        return format_html("{} <small>{}</small>", obj.account_id, kind)

    @admin.display(description="What is wrong, and what to do")
    def trouble(self, obj: Connection) -> str:
        return " ".join(filter(None, (obj.status_message, obj.status_hint)))

    @admin.display(description="Last import")
    def last_import(self, obj: Connection) -> Any:
        row = next((one for one in obj.health.all() if one.job == "import"), None)
        return _moment(row.last_run_at) if row else None

    @admin.display(description="Next import")
    def next_import(self, obj: Connection) -> Any:
        job = _import_job(obj)
        due = schedules.next_run(job, obj) if job else None
        return _moment(due) if due else None

    @admin.display(description="Data through")
    def data_through(self, obj: Connection) -> Any:
        job = _import_job(obj)
        return job.data_through(obj) if job and job.data_through else None


def _moment(at: datetime) -> str:
    """Return a time as a list shows it: short, and the year only where it is another."""
    form = "j M, H:i" if at.year == timezone.now().year else "j M Y, H:i"
    return date_format(at, form)


def _import_job(connection: Connection) -> jobs.Job | None:
    return next((one for one in jobs.jobs_of(connection) if one.name == "import"), None)


_COSTS_ONLY_FIELDSET = (
    "Without signing in (linked accounts only)",
    {
        "fields": ["costs_account_id"],
        "classes": ["for-auth-costs_only"],
        "description": "The account's costs come from its payer's bill. Its resources stay unknown"
        " until it gets a role or an access key.",
    },
)
_EXPORT_FIELDSET = (
    "Billing export (payer accounts only)",
    {
        "fields": [
            "export_bucket",
            "export_prefix",
            "export_name",
            "export_schema",
            "export_granularity",
        ],
        "classes": ["for-kind-root"],
    },
)


@admin.register(CheckRun)
class CheckRunAdmin(ReadOnlyAdmin[CheckRun]):
    """Permission checks that were made."""

    list_display = ["shown_state", "connection", "trigger", "requested_by", "queued_at", "missing"]
    list_display_links = ["connection"]
    list_filter = ["state", "connection"]
    list_select_related = ["connection"]
    date_hierarchy = "queued_at"
    fields = [
        "connection",
        "shown_state",
        "trigger",
        "requested_by",
        "queued_at",
        "started_at",
        "finished_at",
        "error_message",
        "error_hint",
        "permissions",
    ]

    @admin.display(description="State", ordering="state")
    def shown_state(self, obj: CheckRun) -> str:
        return badge(obj.state, obj.get_state_display())

    @admin.display(description="Missing permissions")
    def missing(self, obj: CheckRun) -> str:
        names = [row["permission"] for row in obj.results if row["state"] == "fail"]
        return ", ".join(names)

    @admin.display(description="Permissions")
    def permissions(self, obj: CheckRun) -> str:
        """Return the rows of the check as a table."""
        rows = (
            (
                badge(row["state"], capfirst(row["state"])),
                row["permission"],
                row["purpose"],
                " ".join(filter(None, (row["message"], row["hint"]))),
            )
            for row in obj.results
        )
        body = format_html_join(
            "", "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>", rows
        )
        head = ("State", "Permission", "What it is for", "What AWS said")
        heads = format_html_join("", '<th scope="col">{}</th>', ((one,) for one in head))
        return format_html(
            '<div class="shown-table" tabindex="0"><table><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table></div>",
            heads,
            body,
        )
