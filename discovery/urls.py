"""Addresses of the resource pages, below /o/<organization>/."""

from django.urls import path

from discovery import views

app_name = "discovery"
urlpatterns = [
    path("resources/", views.Resources.as_view(), name="resources"),
]
