"""Costs in the API: GET /costs/ and GET /unconnected-accounts/."""

from typing import Any, ClassVar

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from billing.cost_csv import cost_csv
from billing.cost_query import MAX_LIMIT, CostQuery, CostQueryError
from billing.cost_terms import SUFFIXES, Granularity
from billing.dimensions import COST_CATEGORY_PREFIX, NAMED_DIMENSIONS, PLAIN_NAMES, TAG_PREFIX
from billing.exact import plain
from billing.exports import record_export
from billing.measures import Measure
from billing.reports import NAMED_GROUPS, CostReport, CostRow, cost_report, names_for, stream
from billing.unconnected import unconnected_accounts
from organizations.access import Action
from organizations.api_base import OrganizationAPIView

FORMATS = ("json", "csv")
_OURS = frozenset({"format", "organization"})


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


class _FormatIsOurs(DefaultContentNegotiation):
    """`format` is a parameter of the question here; the framework would answer 404 to csv."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:  # noqa: A002
        return renderers


class Costs(OrganizationAPIView):
    """Costs of the connected accounts."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    content_negotiation_class = _FormatIsOurs
    query_parameters = frozenset(
        {"from", "to", "granularity", "metric", "group_by", "currency", "limit", "format"}
        | {name + suffix for name in PLAIN_NAMES for suffix in SUFFIXES}
        | {TAG_PREFIX, COST_CATEGORY_PREFIX}
    )

    @extend_schema(
        operation_id="costs",
        parameters=[
            OpenApiParameter("from", OpenApiTypes.DATE, description="First day."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="First day that is left out."),
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
            *(
                OpenApiParameter(
                    name,
                    OpenApiTypes.STR,
                    many=True,
                    description=(
                        f"Only this {label.lower()}; `{name}!=` leaves it out, `{name}~=` wants "
                        f"the text anywhere in it, in upper or lower case, `{name}!~=` nowhere."
                    ),
                )
                for name, label in NAMED_DIMENSIONS
            ),
            OpenApiParameter(
                "currency", OpenApiTypes.STR, description="Needed where a range has several."
            ),
            OpenApiParameter(
                "limit", OpenApiTypes.INT, description=f"Rows at the most, up to {MAX_LIMIT}."
            ),
            OpenApiParameter("format", OpenApiTypes.STR, enum=FORMATS),
        ],
        responses={
            (200, "application/json"): _CostsSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
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
        wanted = _format(request)
        try:
            query = CostQuery.from_params(
                request.query_params, today=timezone.now().date(), also_known=_OURS
            )
            if wanted == "csv":
                return self._csv(query)
            return Response(_answer(cost_report(self.organization, query)))
        except CostQueryError as error:
            raise ValidationError(error.errors) from None

    def _csv(self, query: CostQuery) -> HttpResponseBase:
        currency, rows = stream(self.organization, query)
        record_export(self.organization, "csv", f"?{query.to_query_string()}")
        names = names_for(self.organization, query.group_by)
        return StreamingHttpResponse(
            cost_csv(query, currency, rows, names),
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="costs_{query.start}_{query.end}.csv"'
            },
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


def _format(request: Request) -> str:
    given = request.query_params.getlist("format") or ["json"]
    if len(given) > 1 or given[0] not in FORMATS:
        raise ValidationError({"format": [f"Use one of {', '.join(FORMATS)}."]})
    return given[0]


def _answer(report: CostReport) -> dict[str, Any]:
    query = report.query
    return {
        "metric": query.metric.value,
        "currency": report.currency,
        "from": query.start.isoformat(),
        "to": query.end.isoformat(),
        "total": plain(report.total),
        "row_count": report.row_count,
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
