"""The only place that talks to AWS. Everything that goes wrong leaves it as a RunFailure."""
