"""The auditor: judges a world from bytes, journal and the exchange's truth. Shares no code with either side."""
