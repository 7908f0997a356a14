"""Us: orders, fills, positions, risk, states, procedures, status, snapshot. Pure."""
