"""The cost measures, in AWS's words and in one order."""

from django.db import models


class Measure(models.TextChoices):
    """A way to count what a line item cost. Columns of the fact tables carry these names."""

    UNBLENDED = "unblended_cost", "Unblended cost"
    NET_UNBLENDED = "net_unblended_cost", "Net unblended cost"
    AMORTIZED = "amortized_cost", "Amortized cost"
    NET_AMORTIZED = "net_amortized_cost", "Net amortized cost"
    LIST = "list_cost", "List cost"
