"""Entered credentials as those that a session takes, for whom they may be used."""

from django.conf import settings

from connections.aws.credentials import Credentials
from connections.aws.session import credentials_of, external_id_of, source_of
from connections.inputs import AuthInput, Refusal
from connections.models import AuthMethod, Connection, ConnectionKind
from connections.verification import credentials_from
from organizations.models import Organization
from organizations.runs import RunFailure


def entered_credentials(organization: Organization, auth: AuthInput) -> Credentials:
    """Return what was entered as credentials; a role may be opened by a payer's connection.

    Raises Refusal.
    """
    if auth.method == AuthMethod.AMBIENT and not _may_use_the_machine(organization):
        raise Refusal(
            {
                "auth.method": f"{organization} may not use the identity of the portal's machine:"
                " enter an access key or a role, or ask the administrator of the installation"
                " (AMBIENT_ORGANIZATIONS)."
            }
        )
    source = None
    if auth.through_id is not None:
        payers = Connection.objects.of(organization).connected().filter(kind=ConnectionKind.ROOT)
        through = payers.filter(pk=auth.through_id).first()
        if through is None:
            raise Refusal({"auth.through": "There is no connected payer account with this id."})
        try:
            source = source_of(through)
        except RunFailure as failure:
            raise Refusal.because("auth.through", failure) from None
    return credentials_from(auth, external_id_of(organization), source)


def stored_credentials(connection: Connection) -> Credentials:
    """Return a connection's own credentials. Raises Refusal where they cannot be used."""
    try:
        return credentials_of(connection)
    except RunFailure as failure:
        raise Refusal.because("auth", failure) from None


def _may_use_the_machine(organization: Organization) -> bool:
    allowed = settings.AMBIENT_ORGANIZATIONS
    return "*" in allowed or organization.slug in allowed
