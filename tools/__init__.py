"""Everything for developers that is not a test; nothing here is installed."""
