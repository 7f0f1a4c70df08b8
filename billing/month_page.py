"""Base of the pages about one month: picking it, currencies, downloads, wrong addresses."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from billing.exports import download
from billing.measures import Measure
from billing.months import MonthFrame, latest, month_frame
from billing.page_base import CostPage
from billing.page_params import PageParams
from organizations.sheets import FORMATS, Sheet


@dataclass(frozen=True)
class Control:
    """One `<select>` beside the month: its parameter, what it is called, and its options."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


class MonthPage(CostPage):
    """Base of a page about one month.

    `parameters` are the page's own, beside month, currency and format; `read` reads them and notes
    what is wrong, `report` asks for the figures, `shown` makes the template's context and `sheet`
    the table to download.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    months_before: ClassVar[int] = 0

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Show the month, or hand out its table as a file."""
        known = ("month", "currency", "format", *self.parameters)
        params = PageParams(request.GET, known)
        wanted = params.choice("format", FORMATS, "")
        frame = month_frame(
            self.organization,
            self.today(),
            month=params.month("month"),
            currency=params.currency(),
            before=self.months_before,
            default=self.default_month,
        )
        asked = self.read(params, frame)
        if frame.currency and frame.currencies and frame.currency not in frame.currencies:
            params.problems.append(
                f"Nothing was billed in {frame.currency} in {frame.month:%B %Y}."
            )
        if params.problems:
            return self._refused(frame, params.problems)
        report = self.report(frame, asked)
        if wanted:
            return self._file(wanted, frame, asked, report)
        context = {
            "has_costs": frame.currency is not None,
            "asked": asked,
            "report": report,
            "controls": self.controls(frame, asked),
            **self.shown(frame, asked, report),
        }
        return self.render_to_response(self.get_context_data(frame=frame, **context))

    def _refused(self, frame: MonthFrame, problems: Sequence[str]) -> HttpResponseBase:
        context = self.get_context_data(frame=frame, problems=problems)
        return self.render_to_response(context, status=400)

    def _file(self, wanted: str, frame: MonthFrame, asked: Any, report: Any) -> HttpResponseBase:
        sheet = self.sheet(frame, asked, report)
        name = f"{sheet.name.lower().replace(' ', '-')}_{frame.month:%Y-%m}"
        return download(frame.organization, sheet, name, wanted, self.request.GET.urlencode())

    def about(self, frame: MonthFrame, **further: str) -> dict[str, str]:
        """Return what every download says of itself."""
        return {
            "Organization": frame.organization.name,
            "Month": f"{frame.month:%Y-%m}",
            "Currency": frame.currency or "",
            "Standing": "final" if frame.is_final else "not final: AWS may still change it",
            **further,
            "Made at": f"{timezone.now():%Y-%m-%d %H:%M} UTC",
            "Counted": "The accounts that are connected, in one currency.",
        }

    def default_month(self, months: tuple[date, ...], today: date) -> date:
        """Return the month to show where none is named."""
        return latest(months, today)

    @abstractmethod
    def read(self, params: PageParams, frame: MonthFrame) -> Any:
        """Read the page's own parameters."""

    @abstractmethod
    def report(self, frame: MonthFrame, asked: Any) -> Any:
        """Return the figures."""

    def controls(self, frame: MonthFrame, asked: Any) -> Sequence[Control]:
        """Return the page's own selects."""
        return ()

    def shown(self, frame: MonthFrame, asked: Any, report: Any) -> Mapping[str, Any]:
        """Return what the template shows beside frame, asked and report."""
        return {}

    @abstractmethod
    def sheet(self, frame: MonthFrame, asked: Any, report: Any) -> Sheet:
        """Return the table as it is on the page."""


def measure_control(chosen: Measure, *offered: Measure) -> Control:
    """Return the select of cost measures."""
    return Control(
        "metric",
        "Measure",
        [(one.value, one.label) for one in (offered or tuple(Measure))],
        chosen.value,
    )
