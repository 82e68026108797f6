"""A run folder, and the engine in a process of its own."""
