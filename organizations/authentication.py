"""API tokens: `Authorization: Token <token>`."""

from datetime import timedelta

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from organizations.models import ApiToken, TokenPrincipal

_USE_IS_NOTED_EVERY = timedelta(minutes=1)


class TokenAuthentication(BaseAuthentication):
    """Turn a valid token into a TokenPrincipal as `request.user`."""

    def authenticate(self, request: Request) -> tuple[TokenPrincipal, ApiToken] | None:
        """Return the token's principal; None without a token header. Raises on a bad one."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"token":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Write the header as: Authorization: Token <token>.")
        digest = ApiToken.digest_of(words[1].decode("latin-1"))
        token = (
            ApiToken.objects.select_related("organization")
            .filter(digest=digest, revoked_at=None)
            .first()
        )
        if token is None:
            raise AuthenticationFailed("This token is unknown or was revoked.")
        self._note_use(token)
        return TokenPrincipal(token), token

    def authenticate_header(self, request: Request) -> str:
        """Make DRF answer 401 with this scheme."""
        return "Token"

    @staticmethod
    def _note_use(token: ApiToken) -> None:
        now = timezone.now()
        if token.last_used_at is None or now - token.last_used_at > _USE_IS_NOTED_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
