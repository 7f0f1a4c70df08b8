"""The organization's costs as a FOCUS 1.2 dataset (FinOps Open Cost and Usage Specification)."""
