"""AWS accounts: credentials, exports, checks, policies. `connections.aws` talks to AWS."""
