"""Addresses of the resource pages, below /o/<organization>/."""

from django.urls import URLPattern

app_name = "discovery"
urlpatterns: list[URLPattern] = []
