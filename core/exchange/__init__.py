"""Kalshi: wire and session (sans-IO), REST, stream, signing, token budget, network."""
