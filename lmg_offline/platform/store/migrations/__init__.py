"""The migrations, forward only; run by `store.migrate`."""
