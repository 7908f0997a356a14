"""Strategies: interface, actor, policies, observations, learning."""
