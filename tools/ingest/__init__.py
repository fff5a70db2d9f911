"""How many entries a second the platform takes, beside the bare INSERT of the same rows."""
