"""Costs in the API: GET /costs/ and GET /unconnected-accounts/."""

from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.cost_csv import cost_csv
from billing.cost_cursor import StaleCursorError
from billing.cost_query import MAX_LIMIT, CostQuery, CostQueryError
from billing.cost_terms import Granularity
from billing.costs_schema import FILTERS, RANGE, chosen_format, filter_parameters
from billing.dimensions import PLAIN_NAMES
from billing.exact import plain
from billing.exports import record_export
from billing.measures import Measure
from billing.reports import NAMED_GROUPS, CostReport, CostRow, cost_report, names_for, stream
from billing.unconnected import unconnected_accounts
from organizations.access import Action
from organizations.api_base import Conflict, OrganizationAPIView
from organizations.sheets import csv_download

FORMATS = ("json", "csv")
_OURS = frozenset({"format", "organization", "cursor"})
_STALE = "The costs changed since this cursor was given: begin again, without a cursor."


class _CostRowSerializer(serializers.Serializer[Any]):
    period = serializers.CharField(
        help_text=(
            "YYYY-MM-DD (of a week its Monday, also where that lies before the range), "
            "YYYY-MM (billing period), or from/to of the whole range."
        )
    )
    group = serializers.DictField(
        child=serializers.CharField(),
        help_text="The value of each group_by; beside account and service also their names.",
    )
    amount = serializers.CharField(help_text="Decimal, every digit.")


class _CostsSerializer(serializers.Serializer[Any]):
    metric = serializers.ChoiceField(Measure.choices)
    currency = serializers.CharField(allow_null=True)
    to = serializers.DateField(help_text="The first day that does not count.")
    total = serializers.CharField(help_text="Decimal; of all rows, also beyond the limit.")
    row_count = serializers.IntegerField(help_text="Number of all rows, also beyond the limit.")
    next = serializers.URLField(
        allow_null=True, help_text="The address of the rows beyond the limit; null without any."
    )
    rows = _CostRowSerializer(many=True)
    data_through = serializers.DateField(
        allow_null=True, help_text="Last day with usage that every connection has delivered."
    )
    final = serializers.BooleanField(help_text="Whether AWS has closed every month of the range.")

    def get_fields(self) -> dict[str, Any]:
        """Add `from`, which is no name in Python."""
        fields = super().get_fields()
        return {"metric": fields.pop("metric"), "from": serializers.DateField(), **fields}


class _UnconnectedAccountSerializer(serializers.Serializer[Any]):
    account_id = serializers.CharField()
    name = serializers.CharField()
    last_month = serializers.CharField(help_text="The last billing period it was billed in.")
    amount = serializers.CharField(help_text="Decimal: its unblended cost in that month.")
    currency = serializers.CharField()


class Costs(OrganizationAPIView):
    """Costs of the connected accounts."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    query_parameters = frozenset(
        {"from", "to", "granularity", "metric", "group_by", "currency", "limit", "cursor", "format"}
        | FILTERS
    )

    @extend_schema(
        operation_id="costs",
        parameters=[
            *RANGE,
            OpenApiParameter(
                "granularity",
                OpenApiTypes.STR,
                enum=Granularity.values,
                description=(
                    "A week begins on Monday; of a week that the range cuts, its days in it count."
                ),
            ),
            OpenApiParameter("metric", OpenApiTypes.STR, enum=Measure.values),
            OpenApiParameter(
                "group_by",
                OpenApiTypes.STR,
                many=True,
                description=(
                    f"One or more of {', '.join(PLAIN_NAMES)}, tag:<key>, cost_category:<key>, "
                    "repeated or with commas between them."
                ),
                examples=[
                    OpenApiExample("By service", value=["service"]),
                    OpenApiExample("By account and a tag", value=["account", "tag:CostCenter"]),
                ],
            ),
            *filter_parameters(),
            OpenApiParameter(
                "currency", OpenApiTypes.STR, description="Needed where a range has several."
            ),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
                description="Rows at the most. Where there are more, `next` leads to them.",
            ),
            OpenApiParameter(
                "cursor",
                OpenApiTypes.STR,
                description=(
                    "Goes on behind an answer: taken from its `next`, with the same parameters. "
                    "409 where the costs changed meanwhile, so that the pages would not add up."
                ),
            ),
            OpenApiParameter("format", OpenApiTypes.STR, enum=FORMATS),
        ],
        responses={
            (200, "application/json"): _CostsSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            409: OpenApiTypes.OBJECT,
        },
        examples=[
            OpenApiExample(
                "By service",
                value={
                    "metric": "unblended_cost",
                    "currency": "USD",
                    "from": "2026-01-01",
                    "to": "2026-02-01",
                    "total": "1204.7",
                    "row_count": 1,
                    "next": None,
                    "rows": [
                        {
                            "period": "2026-01",
                            "group": {
                                "service": "AmazonEC2",
                                "service_name": "Amazon Elastic Compute Cloud",
                            },
                            "amount": "1204.7",
                        }
                    ],
                    "data_through": "2026-01-31",
                    "final": True,
                },
                response_only=True,
                media_type="application/json",
            )
        ],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Answer a question about costs.

        Amounts are exact and in one currency; costs of accounts that are not connected are in no
        amount. Tags and cost categories filter like the other dimensions: `tag:team=web`.

        A repeated filter means any of its values, or, negated, none of them; different filters
        all hold. A blank value finds cost without one: `tag:team=`.
        """
        wanted, cursor = chosen_format(request, FORMATS), _cursor(request)
        try:
            query = CostQuery.from_params(
                request.query_params, today=timezone.now().date(), also_known=_OURS
            )
            if wanted == "csv":
                if cursor is not None:
                    raise CostQueryError({"cursor": ["A CSV file has every row: leave this out."]})
                return self._csv(query)
            return Response(_answer(cost_report(self.organization, query, cursor), request))
        except CostQueryError as error:
            raise ValidationError(error.errors) from None
        except StaleCursorError:
            raise Conflict(_STALE) from None

    def _csv(self, query: CostQuery) -> HttpResponseBase:
        currency, rows = stream(self.organization, query)
        record_export(self.organization, "csv", f"?{query.to_query_string()}")
        names = names_for(self.organization, query.group_by)
        return csv_download(
            cost_csv(query, currency, rows, names), f"costs_{query.start}_{query.end}"
        )


class UnconnectedAccounts(OrganizationAPIView):
    """Accounts that the bills name and nobody connected."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}

    @extend_schema(
        operation_id="unconnected_accounts",
        responses=_UnconnectedAccountSerializer(many=True),
        examples=[
            OpenApiExample(
                "One account",
                value={
                    "account_id": "444455556666",
                    "name": "Sandbox",
                    "last_month": "2026-01",
                    "amount": "310.25",
                    "currency": "USD",
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """List the accounts whose costs are in no total, each with its last billed month."""
        return Response(
            [
                {
                    "account_id": one.account_id,
                    "name": one.name,
                    "last_month": f"{one.last_month:%Y-%m}",
                    "amount": plain(one.amount),
                    "currency": one.currency,
                }
                for one in unconnected_accounts(self.organization)
            ]
        )


def _cursor(request: Request) -> str | None:
    given = request.query_params.getlist("cursor")
    if len(given) > 1:
        raise ValidationError({"cursor": ["Give this parameter once."]})
    return given[0] if given else None


def _next(report: CostReport, request: Request) -> str | None:
    if report.next is None:
        return None
    params = request.query_params.copy()
    params["cursor"] = str(report.next)
    address: str = request.build_absolute_uri(f"{request.path}?{params.urlencode()}")
    return address


def _answer(report: CostReport, request: Request) -> dict[str, Any]:
    query = report.query
    return {
        "metric": query.metric.value,
        "currency": report.currency,
        "from": query.start.isoformat(),
        "to": query.end.isoformat(),
        "total": plain(report.total),
        "row_count": report.row_count,
        "next": _next(report, request),
        "rows": [_row(report, row) for row in report.rows],
        "data_through": report.data_through.isoformat() if report.data_through else None,
        "final": report.is_final,
    }


def _row(report: CostReport, row: CostRow) -> dict[str, Any]:
    group: dict[str, str] = {}
    for name, value in zip(report.query.group_by, row.group, strict=True):
        group[name] = value
        if name in NAMED_GROUPS:
            group[f"{name}_name"] = report.names.of(name, value)
    return {"period": row.period, "group": group, "amount": plain(row.amount)}
