"""What the operators' page of a connection shows of its health: read only, ready for a template."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.urls import reverse

from connections import checks, jobs, probes, schedules
from connections.jobs import Job
from connections.models import Connection, JobHealth
from connections.policies.answer import statement_text
from connections.policies.views import policies_url

_LAST_RUNS = 5


@dataclass(frozen=True)
class RunLine:
    """One run: the row, and the address of its page ('' where it has none)."""

    run: Any
    url: str


@dataclass(frozen=True)
class JobPanel:
    """One kind of work: how it stands, when it runs next, what ran last."""

    label: str
    health: JobHealth | None
    next_run: datetime | None
    data_through: date | None
    runs: list[RunLine]


@dataclass(frozen=True)
class Panel:
    """Everything of a connection at a glance."""

    jobs: list[JobPanel]
    permissions: list[dict[str, str]]
    policies_url: str


def panel_of(connection: Connection, site: AdminSite) -> Panel:
    """Return the panel of one connection."""
    health = {row.job: row for row in connection.health.all()}
    results = checks.latest_results([connection]).get(connection.pk, [])
    return Panel(
        jobs=[_job_panel(job, connection, health, site) for job in jobs.jobs_of(connection)],
        permissions=[_with_statement(row, connection) for row in results],
        policies_url=policies_url(connection),
    )


def _with_statement(row: dict[str, str], connection: Connection) -> dict[str, str]:
    """Add, to a permission that is missing, the policy statement that grants it."""
    if row["state"] != probes.FAIL or row["permission"] == probes.SIGN_IN.action:
        return row
    return {**row, "statement": statement_text(row["permission"], connection)}


def _job_panel(
    job: Job, connection: Connection, health: dict[str, JobHealth], site: AdminSite
) -> JobPanel:
    return JobPanel(
        label=job.name.capitalize(),
        health=health.get(job.name),
        next_run=schedules.next_run(job, connection),
        data_through=job.data_through(connection) if job.data_through else None,
        runs=[RunLine(run, run_url(run, site)) for run in job.recent_runs(connection)[:_LAST_RUNS]],
    )


def run_url(run: Any, site: AdminSite) -> str:
    """Return the address of a run's page, '' where there is none."""
    if not site.is_registered(type(run)):
        return ""
    opts = run._meta
    return reverse(f"{site.name}:{opts.app_label}_{opts.model_name}_change", args=[run.pk])
