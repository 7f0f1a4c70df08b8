"""The page of one resource."""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.generic.base import TemplateResponseMixin

from connections.models import Account
from discovery.finding_reports import standing_of
from discovery.findings import BY_NAME
from discovery.metrics.reports import Use, in_words
from discovery.resource_detail import ResourceCostsShown, resource_detail
from organizations.access import Action
from organizations.views_base import OrganizationPage

_WORDS = ("ARN", "DNS", "IAM", "IOPS", "IP", "IPs", "IPv6", "KMS", "URL", "VPC")
_ABBREVIATED = {word.lower(): word for word in _WORDS}
# As `collectors.base.facts` stores a time.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", re.ASCII)


class ResourcePage(TemplateResponseMixin, OrganizationPage):
    """What one resource is, what it was, what it costs, what is found about it."""

    action: ClassVar = Action.VIEW_RESOURCES
    template_name = "discovery/resource.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show it."""
        detail = resource_detail(self.organization, pk)
        resource = detail.row.resource
        account = Account.objects.of(self.organization).filter(account_id=resource.account_id)
        findings = [
            {"one": one, "rule": BY_NAME[one.rule], "standing": standing_of(one)}
            for one in detail.findings
        ]
        return self.render_to_response(
            self.get_context_data(
                detail=detail,
                resource=resource,
                account_name=account.values_list("name", flat=True).first() or "",
                attributes=_attributes(resource.attributes),
                unknown=resource.attributes.get("unknown", []),
                costs=[
                    {"of": one, "chart": {"data": _chart(one)}, "id": f"cost-{one.currency}"}
                    for one in detail.costs
                ],
                findings=findings,
                use=[_use(one) for one in detail.use],
                tags=self._tags(resource.tags),
                here=request.get_full_path(),
            )
        )

    def _tags(self, tags: Mapping[str, str]) -> list[dict[str, str]]:
        """Return the tags, each with the address of everything that has it too."""
        home = reverse("discovery:resources", args=[self.organization.slug])
        return [
            {"key": key, "value": value, "url": f"{home}?{urlencode({f'tag:{key}': value})}"}
            for key, value in sorted(tags.items())
        ]


def _attributes(attributes: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what AWS told, in words."""
    return [
        (_label(name), _text(value))
        for name, value in sorted(attributes.items())
        if name != "unknown"
    ]


def _label(name: str) -> str:
    """Return an attribute's name in words, what is an abbreviation as one: `VPC id`."""
    return " ".join(_ABBREVIATED.get(word, word) for word in name.split("_"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value) or "none"
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(one)}" for name, one in value.items()) or "none"
    return _with_time_in_words(str(value))


def _with_time_in_words(text: str) -> str:
    if _MOMENT.fullmatch(text):
        with suppress(ValueError):  # no such day: somebody's own text
            return f"{datetime.fromisoformat(text):%-d %b %Y, %H:%M} UTC"
    return text


def _use(use: Use) -> dict[str, Any]:
    """Return a figure in words: on its last day, and over all days."""
    unit, values = use.figure.unit, use.days.values()
    day, last = use.last
    return {
        "label": use.figure.label,
        "day": day,
        "last": in_words(last, unit),
        "lowest": in_words(min(values), unit),
        "highest": in_words(max(values), unit),
    }


def _chart(costs: ResourceCostsShown) -> dict[str, Any]:
    """Return the daily costs as charts.js draws them."""
    return {
        "kind": "stacked",
        "currency": costs.currency,
        "labels": [f"{day.day} {day:%b}" for day in costs.days],
        "series": [
            {"label": "Cost", "slot": 1, "values": [float(one) for one in costs.days.values()]}
        ],
    }
