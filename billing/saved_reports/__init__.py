"""Saved reports: explorer addresses with a name, for oneself or for everybody, and by e-mail."""
