"""How dates are written where Django writes them by itself (the operators' screens)."""
