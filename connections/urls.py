"""Addresses of connections below an organization's own."""

from django.urls import path

from connections import views

app_name = "connections"
urlpatterns = [
    path("connect-account/", views.ConnectAccount.as_view(), name="connect-account"),
]
