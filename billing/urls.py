"""Addresses of the cost pages, below /o/<organization>/."""

from django.urls import URLPattern

app_name = "billing"
urlpatterns: list[URLPattern] = []
