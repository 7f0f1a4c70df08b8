"""The keys of the pretend AWS. None of them opens anything real.

Every account has a root user whose key is made from the account id, so that a test or the sample
company can build things in any account. The portal is never given a root key.
"""

import re

ROOT_SECRET = "pretend.root.secret/opens/nothing/real12"
ROOT_KEY = re.compile(r"AKIAROOT(\d{12})")

# The IAM user of the sample company's payer account that the demo's portal connects with.
PORTAL_USER = "countinghouse"
PORTAL_ACCESS_KEY_ID = "AKIADEMOCOUNTINGHSE1"
PORTAL_SECRET_ACCESS_KEY = "demo/countinghouse/opens/nothing/real123"
# The role in the member accounts that this user may assume with the connection's external id.
PORTAL_ROLE = "countinghouse-read"
PORTAL_EXTERNAL_ID = "countinghouse-demo"


def root_access_key_id(account_id: str) -> str:
    return f"AKIAROOT{account_id}"


def root_credentials(account_id: str) -> dict[str, str]:
    """Keyword arguments for a boto3 session that acts as the root user of this account."""
    return {
        "aws_access_key_id": root_access_key_id(account_id),
        "aws_secret_access_key": ROOT_SECRET,
    }
