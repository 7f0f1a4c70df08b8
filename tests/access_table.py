"""Every route of the portal and who may call it. `test_access_table.py` walks it.

A route that is missing here fails the build, so nobody can forget to decide.
"""

from dataclasses import dataclass, field
from enum import Enum

from organizations.access import Action


class Guard(Enum):
    """Guards that are no action of an organization."""

    PUBLIC = "anybody"
    SIGNED_IN = "anybody who signed in"
    OPERATOR = "operators and owners of any organization"
    ADMINISTRATOR = "administrators of the installation"


@dataclass(frozen=True)
class Route:
    """One route: its name, how to call it, and what the caller needs.

    `url` may hold {organization} and {connection}, {importrun}, … : objects of Acme by name.
    `of_object` says that the address names an object, so a stranger to it gets 404.
    """

    name: str
    url: str
    needs: Action | Guard
    method: str = "get"
    of_object: bool = False
    query: dict[str, str] = field(default_factory=dict)


PAGES = [
    Route("home", "/", Guard.SIGNED_IN),
    Route("healthz", "/healthz", Guard.PUBLIC),
    Route("readyz", "/readyz", Guard.PUBLIC),
    Route("sign-in", "/sign-in/", Guard.PUBLIC),
    Route("sign-out", "/sign-out/", Guard.PUBLIC, method="post"),
    Route("password-change", "/password/", Guard.SIGNED_IN),
    Route("password-changed", "/password/changed/", Guard.SIGNED_IN),
    Route("welcome", "/welcome/MQ/bad-token/", Guard.PUBLIC),
    Route("welcome-done", "/welcome/done/", Guard.PUBLIC),
    Route("connection-policies", "/admin/connections/policies/", Guard.OPERATOR),
    Route("connection-find-export", "/admin/connections/find-export/", Guard.OPERATOR),
    Route("connection-choose-export", "/admin/connections/find-export/choose/", Guard.OPERATOR),
    Route("connection-create", "/admin/connections/create-export/", Guard.OPERATOR),
    Route(
        "connection-migration",
        "/admin/connections/migration/{connection}/",
        Guard.OPERATOR,
        of_object=True,
    ),
    Route(
        "import-range", "/admin/connections/import/{connection}/", Guard.OPERATOR, of_object=True
    ),
    Route(
        "compare-deliveries",
        "/admin/connections/restated/{connection}/",
        Guard.OPERATOR,
        of_object=True,
    ),
    Route("billing:overview", "/o/{organization}/", Action.VIEW_COSTS),
    Route("billing:explore", "/o/{organization}/explore/", Action.VIEW_COSTS),
    Route("billing:budgets", "/o/{organization}/budgets/", Action.VIEW_COSTS),
    Route("billing:budget-new", "/o/{organization}/budgets/new/", Action.MANAGE_REPORTS),
    Route(
        "billing:budget",
        "/o/{organization}/budgets/{budget}/",
        Action.VIEW_COSTS,
        of_object=True,
    ),
    Route(
        "billing:budget-edit",
        "/o/{organization}/budgets/{budget}/edit/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:budget-delete",
        "/o/{organization}/budgets/{budget}/delete/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:budget-delete",
        "/o/{organization}/budgets/{budget}/delete/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route(
        "billing:budget-test",
        "/o/{organization}/budgets/{budget}/test/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route("billing:anomalies", "/o/{organization}/anomalies/", Action.VIEW_COSTS),
    Route(
        "billing:anomaly",
        "/o/{organization}/anomalies/{anomaly}/",
        Action.VIEW_COSTS,
        of_object=True,
    ),
    Route(
        "billing:anomaly-dismiss",
        "/o/{organization}/anomalies/{anomaly}/dismiss/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route(
        "billing:anomaly-restore",
        "/o/{organization}/anomalies/{anomaly}/restore/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route("billing:statement", "/o/{organization}/statement/", Action.VIEW_COSTS),
    Route("billing:changes", "/o/{organization}/changes/", Action.VIEW_COSTS),
    Route("billing:tag-coverage", "/o/{organization}/tag-coverage/", Action.VIEW_COSTS),
    Route("billing:commitments", "/o/{organization}/commitments/", Action.VIEW_COSTS),
    Route("billing:cost-centers", "/o/{organization}/cost-centers/", Action.VIEW_COSTS),
    Route("billing:cost-center-new", "/o/{organization}/cost-centers/new/", Action.MANAGE_REPORTS),
    Route(
        "billing:cost-center",
        "/o/{organization}/cost-centers/{costcenter}/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:cost-center-delete",
        "/o/{organization}/cost-centers/{costcenter}/delete/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:cost-center-delete",
        "/o/{organization}/cost-centers/{costcenter}/delete/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route(
        "billing:allocation-rule-new",
        "/o/{organization}/cost-centers/rules/new/",
        Action.MANAGE_REPORTS,
    ),
    Route(
        "billing:allocation-rule",
        "/o/{organization}/cost-centers/rules/{allocationrule}/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:allocation-rule-move",
        "/o/{organization}/cost-centers/rules/{allocationrule}/move/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route(
        "billing:allocation-rule-delete",
        "/o/{organization}/cost-centers/rules/{allocationrule}/delete/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:allocation-rule-delete",
        "/o/{organization}/cost-centers/rules/{allocationrule}/delete/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route("billing:saved-reports", "/o/{organization}/saved-reports/", Action.VIEW_COSTS),
    Route("billing:saved-report-new", "/o/{organization}/saved-reports/new/", Action.VIEW_COSTS),
    # The report of the table is a shared one: everybody reads it, some may change it. Personal
    # ones: tests/billing/test_saved_reports.py.
    Route(
        "billing:saved-report",
        "/o/{organization}/saved-reports/{savedreport}/",
        Action.VIEW_COSTS,
        of_object=True,
    ),
    Route(
        "billing:saved-report-edit",
        "/o/{organization}/saved-reports/{savedreport}/edit/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:saved-report-delete",
        "/o/{organization}/saved-reports/{savedreport}/delete/",
        Action.MANAGE_REPORTS,
        of_object=True,
    ),
    Route(
        "billing:saved-report-delete",
        "/o/{organization}/saved-reports/{savedreport}/delete/",
        Action.MANAGE_REPORTS,
        method="post",
        of_object=True,
    ),
    Route(
        "billing:saved-report-schedule",
        "/o/{organization}/saved-reports/{savedreport}/schedule/",
        Action.VIEW_COSTS,
        of_object=True,
    ),
    Route(
        "billing:saved-report-unschedule",
        "/o/{organization}/saved-reports/{savedreport}/unschedule/",
        Action.VIEW_COSTS,
        of_object=True,
    ),
    Route(
        "billing:saved-report-unschedule",
        "/o/{organization}/saved-reports/{savedreport}/unschedule/",
        Action.VIEW_COSTS,
        method="post",
        of_object=True,
    ),
    Route(
        "connections:connect-account",
        "/o/{organization}/connect-account/",
        Action.MANAGE_CONNECTIONS,
        method="post",
    ),
    Route("discovery:resources", "/o/{organization}/resources/", Action.VIEW_RESOURCES),
    Route(
        "discovery:resource",
        "/o/{organization}/resources/{resource}/",
        Action.VIEW_RESOURCES,
        of_object=True,
    ),
    Route("discovery:not-found", "/o/{organization}/resources/not-found/", Action.VIEW_RESOURCES),
    Route("discovery:findings", "/o/{organization}/findings/", Action.VIEW_RESOURCES),
    Route("discovery:thresholds", "/o/{organization}/findings/thresholds/", Action.MANAGE_FINDINGS),
    Route(
        "discovery:dismiss",
        "/o/{organization}/findings/{finding}/dismiss/",
        Action.MANAGE_FINDINGS,
        method="post",
        of_object=True,
    ),
    Route(
        "discovery:restore",
        "/o/{organization}/findings/{finding}/restore/",
        Action.MANAGE_FINDINGS,
        method="post",
        of_object=True,
    ),
]

API = [
    Route("api-schema", "/api/v1/schema/", Guard.SIGNED_IN),
    Route(
        "api-policies",
        "/api/v1/policies/",
        Action.MANAGE_CONNECTIONS,
        query={"mode": "read_only", "bucket": "bills"},
    ),
    Route("api-resources", "/api/v1/resources/", Action.VIEW_RESOURCES),
    Route("api-resource", "/api/v1/resources/{resource}/", Action.VIEW_RESOURCES, of_object=True),
    Route("api-not-found", "/api/v1/resources/not-found/", Action.VIEW_RESOURCES),
    Route("api-findings", "/api/v1/findings/", Action.VIEW_RESOURCES),
    Route(
        "api-finding-dismissal",
        "/api/v1/findings/{finding}/dismissal/",
        Action.MANAGE_FINDINGS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-finding-dismissal",
        "/api/v1/findings/{finding}/dismissal/",
        Action.MANAGE_FINDINGS,
        method="delete",
        of_object=True,
    ),
    Route("api-costs", "/api/v1/costs/", Action.VIEW_COSTS),
    Route("api-focus", "/api/v1/focus/", Action.VIEW_COSTS),
    Route("api-cost-centers", "/api/v1/cost-centers/", Action.VIEW_COSTS),
    Route("api-allocation-rules", "/api/v1/allocation-rules/", Action.VIEW_COSTS),
    # What a token saves is shared, and so is the report of the table.
    Route("api-saved-reports", "/api/v1/saved-reports/", Action.VIEW_COSTS),
    Route("api-saved-reports", "/api/v1/saved-reports/", Action.MANAGE_REPORTS, method="post"),
    Route(
        "api-saved-report",
        "/api/v1/saved-reports/{savedreport}/",
        Action.VIEW_COSTS,
        of_object=True,
    ),
    Route(
        "api-saved-report",
        "/api/v1/saved-reports/{savedreport}/",
        Action.MANAGE_REPORTS,
        method="patch",
        of_object=True,
    ),
    Route(
        "api-saved-report",
        "/api/v1/saved-reports/{savedreport}/",
        Action.MANAGE_REPORTS,
        method="delete",
        of_object=True,
    ),
    Route("api-unconnected-accounts", "/api/v1/unconnected-accounts/", Action.VIEW_COSTS),
    Route("api-budgets", "/api/v1/budgets/", Action.VIEW_COSTS),
    Route("api-budgets", "/api/v1/budgets/", Action.MANAGE_REPORTS, method="post"),
    Route("api-budget", "/api/v1/budgets/{budget}/", Action.VIEW_COSTS, of_object=True),
    Route(
        "api-budget",
        "/api/v1/budgets/{budget}/",
        Action.MANAGE_REPORTS,
        method="patch",
        of_object=True,
    ),
    Route(
        "api-budget",
        "/api/v1/budgets/{budget}/",
        Action.MANAGE_REPORTS,
        method="delete",
        of_object=True,
    ),
    Route("api-anomalies", "/api/v1/anomalies/", Action.VIEW_COSTS),
    Route("api-changes", "/api/v1/changes/", Action.VIEW_COSTS),
    Route("api-imports", "/api/v1/imports/", Action.VIEW_COSTS),
    Route("api-import", "/api/v1/imports/{importrun}/", Action.VIEW_COSTS, of_object=True),
    Route(
        "api-restatements",
        "/api/v1/restatements/?connection={connection}&billing_period=2026-04",
        Action.VIEW_COSTS,
        of_object=True,
    ),
    Route("api-connections", "/api/v1/connections/", Action.MANAGE_CONNECTIONS),
    Route("api-connections", "/api/v1/connections/", Action.MANAGE_CONNECTIONS, method="post"),
    Route(
        "api-migration",
        "/api/v1/connections/{connection}/migration/",
        Action.MANAGE_CONNECTIONS,
        of_object=True,
    ),
    Route(
        "api-migration",
        "/api/v1/connections/{connection}/migration/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-migration",
        "/api/v1/connections/{connection}/migration/",
        Action.MANAGE_CONNECTIONS,
        method="delete",
        of_object=True,
    ),
    Route(
        "api-migration-switch",
        "/api/v1/connections/{connection}/migration/switch/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-migration-undo",
        "/api/v1/connections/{connection}/migration/undo/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-migration-finish",
        "/api/v1/connections/{connection}/migration/finish/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-detectable-exports",
        "/api/v1/connections/detectable-exports/",
        Action.MANAGE_CONNECTIONS,
        method="post",
    ),
    Route(
        "api-connection",
        "/api/v1/connections/{connection}/",
        Action.MANAGE_CONNECTIONS,
        of_object=True,
    ),
    Route(
        "api-connection",
        "/api/v1/connections/{connection}/",
        Action.MANAGE_CONNECTIONS,
        method="patch",
        of_object=True,
    ),
    Route(
        "api-connection",
        "/api/v1/connections/{connection}/",
        Action.MANAGE_CONNECTIONS,
        method="delete",
        of_object=True,
    ),
    Route(
        "api-connection-check",
        "/api/v1/connections/{connection}/check/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-connection-import",
        "/api/v1/connections/{connection}/import/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-connection-discover",
        "/api/v1/connections/{connection}/discover/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route("api-external-id", "/api/v1/external-id/", Action.MANAGE_CONNECTIONS),
    Route(
        "api-organization",
        "/api/v1/connections/{connection}/organization/",
        Action.MANAGE_CONNECTIONS,
        of_object=True,
    ),
    Route(
        "api-organization-refresh",
        "/api/v1/connections/{connection}/organization/refresh/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-organization-connect",
        "/api/v1/connections/{connection}/organization/connect/",
        Action.MANAGE_CONNECTIONS,
        method="post",
        of_object=True,
    ),
    Route(
        "api-organization-connecting",
        "/api/v1/connections/{connection}/organization/connect/{memberconnecting}/",
        Action.MANAGE_CONNECTIONS,
        of_object=True,
    ),
]

# Admin pages by model: who may see the rows, and who may change them (None: nobody).
ADMIN: dict[str, tuple[Action | Guard, Action | Guard | None]] = {
    "organizations.organization": (Guard.ADMINISTRATOR, Guard.ADMINISTRATOR),
    "organizations.user": (Guard.ADMINISTRATOR, Guard.ADMINISTRATOR),
    "organizations.membership": (Action.MANAGE_MEMBERS, Action.MANAGE_MEMBERS),
    "organizations.apitoken": (Action.MANAGE_MEMBERS, Action.MANAGE_MEMBERS),
    "organizations.auditevent": (Action.MANAGE_MEMBERS, None),
    "connections.connection": (Action.MANAGE_CONNECTIONS, Action.MANAGE_CONNECTIONS),
    "connections.checkrun": (Action.MANAGE_CONNECTIONS, None),
    "billing.importrun": (Action.MANAGE_CONNECTIONS, None),
    "billing.delivery": (Action.MANAGE_CONNECTIONS, None),
    "billing.billingmonth": (Action.MANAGE_CONNECTIONS, None),
    "discovery.discoveryrun": (Action.MANAGE_CONNECTIONS, None),
    "discovery.resource": (Action.MANAGE_CONNECTIONS, None),
    "discovery.finding": (Action.MANAGE_CONNECTIONS, None),
    "discovery.findingthresholds": (Action.MANAGE_CONNECTIONS, None),
    "django_celery_beat.periodictask": (Guard.ADMINISTRATOR, Guard.ADMINISTRATOR),
    "django_celery_beat.intervalschedule": (Guard.ADMINISTRATOR, Guard.ADMINISTRATOR),
    "django_celery_beat.crontabschedule": (Guard.ADMINISTRATOR, Guard.ADMINISTRATOR),
    "django_celery_beat.solarschedule": (Guard.ADMINISTRATOR, Guard.ADMINISTRATOR),
    "django_celery_beat.clockedschedule": (Guard.ADMINISTRATOR, Guard.ADMINISTRATOR),
}
