"""How much resources are used: daily figures of CloudWatch, asked for at most once a day."""
