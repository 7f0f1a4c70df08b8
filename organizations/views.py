"""Signing in."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse

from organizations import sign_in_limit


class SignIn(LoginView):
    """The one sign-in page, for finance people and operators alike."""

    template_name = "organizations/sign_in.html"
    redirect_authenticated_user = True
    tries = 0

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Look at the password, unless this name failed too often from here."""
        if request.POST.get("username") and request.POST.get("password"):
            try:
                self.tries = sign_in_limit.count_attempt(*self._who())
            except sign_in_limit.TooManyAttemptsError as refused:
                return self._refused(refused.wait)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Let them in."""
        sign_in_limit.forget(*self._who())
        return super().form_valid(form)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """Show the form again."""
        name, (_, address) = form.cleaned_data.get("username", ""), self._who()
        sign_in_limit.tell_if_last(name, address, self.tries)
        return super().form_invalid(form)

    def _who(self) -> tuple[str, str]:
        return self.request.POST.get("username", ""), sign_in_limit.address_of(self.request)

    def _refused(self, wait: int) -> HttpResponse:
        form = AuthenticationForm(self.request, initial={"username": self._who()[0]})
        context = self.get_context_data(form=form, minutes=-(-wait // 60))
        response = self.render_to_response(context, status=429)
        response["Retry-After"] = str(wait)
        return response
