"""The fixtures other projects get by the plugin, here too."""

from core.sim.pytest_plugin import exchange_factory, simulated_exchange

__all__ = ["exchange_factory", "simulated_exchange"]
