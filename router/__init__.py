"""The router: sends each inference to the ready replica with the fewest outstanding requests (docs/architecture.md)."""
