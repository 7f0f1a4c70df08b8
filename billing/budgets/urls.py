"""Addresses of the budget pages, below /o/<organization>/."""

from django.urls import path

from billing.budgets import views

urlpatterns = [
    path("budgets/", views.Budgets.as_view(), name="budgets"),
    path("budgets/new/", views.BudgetCreate.as_view(), name="budget-new"),
    path("budgets/<int:pk>/", views.BudgetDetail.as_view(), name="budget"),
    path("budgets/<int:pk>/edit/", views.BudgetEdit.as_view(), name="budget-edit"),
    path("budgets/<int:pk>/delete/", views.BudgetDelete.as_view(), name="budget-delete"),
    path("budgets/<int:pk>/test/", views.BudgetTest.as_view(), name="budget-test"),
]
