"""Bills: from the deliveries of a billing export to daily costs, and the read side over them."""
