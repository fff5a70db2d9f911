"""Real people sent through the SDK, and the platform's reports next to those of their file, on each database."""
