"""Signing in."""

from django.contrib.auth.views import LoginView


class SignIn(LoginView):
    """The one sign-in page, for finance people and operators alike."""

    template_name = "organizations/sign_in.html"
    redirect_authenticated_user = True
