"""What accounts are called: AWS Organizations says it best, else the bill."""

from collections.abc import Iterable

from connections.models import Account
from organizations.models import Organization


def note_billed_accounts(
    organization: Organization | int, billed: Iterable[tuple[str, str, str]]
) -> None:
    """Note the accounts that a bill names: (account id, payer's id, name or '').

    An account that AWS Organizations lists keeps the name it has there; an empty name changes
    nothing.
    """
    owner_id = organization if isinstance(organization, int) else organization.pk
    rows = {
        account_id: Account(
            organization_id=owner_id,
            account_id=account_id,
            name=name[:200],
            payer_account_id=payer,
        )
        for account_id, payer, name in sorted(billed)
        if account_id
    }
    listed = set(
        Account.objects.of(owner_id)
        .filter(account_id__in=rows)
        .exclude(status="")
        .values_list("account_id", flat=True)
    )
    named = [one for key, one in rows.items() if one.name and key not in listed]
    others = [one for key, one in rows.items() if not one.name or key in listed]
    for group, updated in (
        (named, ["name", "payer_account_id"]),
        (others, ["payer_account_id"]),
    ):
        Account.objects.bulk_create(
            group,
            update_conflicts=True,
            unique_fields=["organization", "account_id"],
            update_fields=updated,
        )
