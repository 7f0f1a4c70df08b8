"""Who the portal itself is to AWS: roles of other accounts trust this identity."""

import re

from connections.aws.credentials import Ambient
from connections.aws.errors import AwsFailure
from connections.aws.identity import identify
from connections.aws.session import PROMPT, AwsSession

_SESSION = re.compile(
    r"arn:(?P<partition>[a-z-]+):sts::(?P<account>\d{12}):assumed-role/([^/]+)/.*"
)


def portal_arn() -> str:
    """Return the ARN of the user or role that the portal runs as, '' when it has none.

    Of a role with a path AWS tells only the name. One call to AWS, which needs no permission.
    """
    try:
        arn = identify(AwsSession(Ambient(), account="the portal", config=PROMPT)).arn
    except AwsFailure:
        return ""
    session = _SESSION.fullmatch(arn)
    if session is None:
        return arn
    return f"arn:{session['partition']}:iam::{session['account']}:role/{session[3]}"
