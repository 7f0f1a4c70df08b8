"""x"""
from organizations.access import Action
from organizations.views_base import OrganizationPage
from django.shortcuts import render
class Resources(OrganizationPage):
    action = Action.VIEW_RESOURCES
    def get(self, request): return render(request,"base.html",self.get_context_data())
