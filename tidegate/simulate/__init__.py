"""The simulator: the production planner and forecaster, and their rivals, against one trace and one queue.

All of it is pure cores but `chart`, which draws.
"""
