"""Addresses of the pages of cost centers, below /o/<organization>/."""

from django.urls import path

from billing.allocation import views

urlpatterns = [
    path("cost-centers/", views.CostCenters.as_view(), name="cost-centers"),
    path("cost-centers/new/", views.CenterEdit.as_view(), name="cost-center-new"),
    path("cost-centers/<int:pk>/", views.CenterEdit.as_view(), name="cost-center"),
    path("cost-centers/<int:pk>/delete/", views.CenterDelete.as_view(), name="cost-center-delete"),
    path("cost-centers/rules/new/", views.RuleEdit.as_view(), name="allocation-rule-new"),
    path("cost-centers/rules/<int:pk>/", views.RuleEdit.as_view(), name="allocation-rule"),
    path(
        "cost-centers/rules/<int:pk>/delete/",
        views.RuleDelete.as_view(),
        name="allocation-rule-delete",
    ),
    path(
        "cost-centers/rules/<int:pk>/move/",
        views.RuleMove.as_view(),
        name="allocation-rule-move",
    ),
]
