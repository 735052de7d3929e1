"""For applications and our own tools: inference calls on numpy arrays, and an open-loop load generator."""
