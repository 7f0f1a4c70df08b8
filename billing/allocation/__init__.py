"""Cost allocation: rules that put each cost into a cost center, and shared costs split exactly."""
