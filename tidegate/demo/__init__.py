"""The demo: real models, a forecast, replicas started before the spike, and an account of every request."""
