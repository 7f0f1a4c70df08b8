"""Addresses of finding and creating an export, below /admin/connections/."""

from django.urls import path

from connections import export_pages

urlpatterns = [
    path("find-export/", export_pages.find_page, name=export_pages.FIND),
    path("find-export/choose/", export_pages.choose_page, name=export_pages.CHOOSE),
    path("create-export/", export_pages.create_page, name=export_pages.CREATE),
]
