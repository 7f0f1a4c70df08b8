"""Resources: what runs in the connected accounts, since when, and what it costs."""
