"""Forecaster and planner cores against rivals, on recorded or made-up traffic."""
