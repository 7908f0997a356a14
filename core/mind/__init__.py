"""Observations and learned policies: the one room where a market becomes floats, and floats become a choice of action.

Amounts never come back out of it: what a policy wishes is made by `core.strategy.actions` from the view's integers.
"""
