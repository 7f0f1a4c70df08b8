"""People, organizations and what they may do; runs, audit and secrets. Knows nothing of AWS."""
