"""x"""

from django.shortcuts import render

from organizations.access import Action
from organizations.views_base import OrganizationPage


class Overview(OrganizationPage):
    action = Action.VIEW_COSTS

    def get(self, request):
        return render(request, "base.html", self.get_context_data())


class Explorer(Overview):
    action = Action.VIEW_COSTS
