"""The simulator: the production planner and forecaster, and their rivals, against one trace and one queue.

Pure cores: `arrivals`, `world`, `waits`, `clairvoyant`, `policies`, `predictive`, `replay`, `report`; `chart` draws.
"""
