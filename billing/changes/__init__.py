"""Changes from one month to the next, and the resources behind them."""
