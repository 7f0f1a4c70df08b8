"""GET /api/v1/focus/: the organization's costs as a FOCUS 1.2 dataset."""

import tempfile
from typing import ClassVar

from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from billing.cost_query import CostQuery, CostQueryError
from billing.costs_schema import FILTERS, RANGE, chosen_format, filter_parameters
from billing.exports import record_export
from billing.focus.charges import charges
from billing.focus.files import focus_sheet, write_parquet
from organizations.access import Action
from organizations.api_base import OrganizationAPIView
from organizations.sheets import csv_response

FORMATS = ("csv", "parquet")
_PARQUET = "application/vnd.apache.parquet"
_EXAMPLE = """BilledCost,BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodEnd,…
4.0312,111122223333,Acme payer,USD,2026-11-01T00:00:00Z,…
"""
_OURS = frozenset({"format", "organization"})


class Focus(OrganizationAPIView):
    """Costs of the connected accounts as a FOCUS 1.2 dataset."""

    actions: ClassVar = {"GET": Action.VIEW_COSTS}
    query_parameters = frozenset({"from", "to", "currency", "format"}) | FILTERS

    @extend_schema(
        operation_id="focus",
        summary="Costs of any range as a FOCUS 1.2 dataset, CSV or Parquet",
        parameters=[
            *RANGE,
            *filter_parameters(),
            OpenApiParameter(
                "currency",
                OpenApiTypes.STR,
                description="Only this one; left out, every currency comes in rows of its own.",
            ),
            OpenApiParameter(
                "format", OpenApiTypes.STR, enum=FORMATS, description="csv unless given."
            ),
        ],
        examples=[
            OpenApiExample("The first columns of a row", value=_EXAMPLE, media_type="text/csv"),
        ],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, _PARQUET): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return one row for each day, account, resource and kind of charge.

        BilledCost adds up to `net_unblended_cost` of `/costs/` for the same range and filters,
        EffectiveCost to `net_amortized_cost`, ListCost to `list_cost`, x_UnblendedCost to
        `unblended_cost` and x_AmortizedCost to `amortized_cost`, exactly. What a bill does not say
        is empty: ContractedCost, ServiceCategory and InvoiceIssuerName always are.

        Filters are those of `/costs/`.
        """
        wanted = chosen_format(request, FORMATS)
        try:
            query = CostQuery.from_params(
                request.query_params, today=timezone.now().date(), also_known=_OURS
            )
            found = charges(self.organization, query)
        except CostQueryError as error:
            raise ValidationError(error.errors) from None
        record_export(self.organization, f"focus-{wanted}", f"?{query.to_query_string()}")
        filename = f"focus_{query.start}_{query.end}"
        if wanted == "csv":
            return csv_response(focus_sheet(found), filename)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        write_parquet(found, file)
        file.seek(0)
        return FileResponse(
            file, as_attachment=True, filename=f"{filename}.parquet", content_type=_PARQUET
        )
