"""Connect the measured bill: run with the environment of `bench.servers`.

python -m bench.prepare ACCOUNT [EXPORT]        prints the connection's id
"""

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402 - after setup

from connections.models import AuthMethod, Connection, ConnectionKind, Export  # noqa: E402
from demo.aws.credentials import root_credentials  # noqa: E402
from organizations.services import create_organization  # noqa: E402


def main(account_id: str, export: str = "big") -> None:
    call_command("migrate", verbosity=0)
    keys = root_credentials(account_id)
    connection = Connection.objects.create(
        organization=create_organization(slug="bench", name="Bench"),
        name="payer",
        kind=ConnectionKind.ROOT,
        account_id=account_id,
        auth_method=AuthMethod.ACCESS_KEY,
        access_key_id=keys["aws_access_key_id"],
        secret_access_key=keys["aws_secret_access_key"],
    )
    Export.objects.create(
        connection=connection,
        schema="cur2",
        name=export,
        bucket="big",
        prefix="exports",
        region="us-east-1",
    )
    print(connection.pk)


if __name__ == "__main__":
    main(*sys.argv[1:])
