"""Pages that belong to no app: the front door and the health checks."""

from celery import current_app
from django.contrib.auth.decorators import login_required
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views import defaults
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from config.problems import problem
from organizations.views_base import organizations_of


@require_GET
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Lead a person to the overview of their (first) organization."""
    mine = organizations_of(request.user)
    if not mine:
        return render(request, "no_organization.html", status=200)
    return redirect("billing:overview", organization=mine[0].slug)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Say whether this process and its database answer."""
    problem = _database_problem()
    return _verdict({"database": problem})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Say whether the portal can work: database, migrations and broker."""
    problem = _database_problem()
    return _verdict(
        {
            "database": problem,
            "migrations": problem or _migrations_problem(),
            "broker": _broker_problem(),
        }
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say why a request cannot be answered by any page; the API says it as a problem."""
    sentence = "The portal cannot make sense of the request."
    if isinstance(exception, DisallowedHost):
        sentence = (
            "The portal does not answer to the name by which it was called. Whoever runs it lists"
            " its names in ALLOWED_HOSTS."
        )
    if _is_api(request):
        return problem(400, "bad-request", "Bad request", sentence)
    return HttpResponseBadRequest(render_to_string("400.html", {"sentence": sentence}))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page; the API says it as a problem."""
    if _is_api(request):
        return problem(404, "not-found", "Not found", "There is no such address in the API.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Say that the portal failed, without any detail of how; the log has those."""
    if _is_api(request):
        sentence = "The portal failed to answer. Nothing was changed; please report it."
        return problem(500, "fault", "Fault in the portal", sentence)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _verdict(problems: dict[str, str | None]) -> JsonResponse:
    answer = {name: problem or "ok" for name, problem in problems.items()}
    healthy = not any(problems.values())
    return JsonResponse(
        {"status": "ok" if healthy else "unavailable", **answer}, status=200 if healthy else 503
    )


def _database_problem() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "does not answer"
    return None


def _migrations_problem() -> str | None:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} migrations wait: run manage.py migrate" if waiting else None


def _broker_problem() -> str | None:
    try:
        with current_app.connection_for_write(connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
    except (OSError, *current_app.connection_for_write().connection_errors):
        return "does not answer"
    return None
