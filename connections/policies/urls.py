"""The address of the page, below /admin/connections/."""

from django.urls import path

from connections.policies import views

urlpatterns = [path("policies/", views.policies_page, name=views.ROUTE)]
