"""IAM and bucket policies written for the user: from what the portal calls to text to paste."""
