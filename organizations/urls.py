"""Signing in and out."""

from django.contrib.auth.views import (
    LogoutView,
    PasswordChangeDoneView,
    PasswordChangeView,
    PasswordResetCompleteView,
    PasswordResetConfirmView,
)
from django.urls import path, reverse_lazy

from organizations.views import SignIn

urlpatterns = [
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path(
        "password/",
        PasswordChangeView.as_view(
            template_name="organizations/password_change.html",
            success_url=reverse_lazy("password-changed"),
        ),
        name="password-change",
    ),
    path(
        "password/changed/",
        PasswordChangeDoneView.as_view(template_name="organizations/password_changed.html"),
        name="password-changed",
    ),
    path(
        "welcome/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(
            template_name="organizations/welcome.html", success_url=reverse_lazy("welcome-done")
        ),
        name="welcome",
    ),
    path(
        "welcome/done/",
        PasswordResetCompleteView.as_view(template_name="organizations/password_changed.html"),
        name="welcome-done",
    ),
]
