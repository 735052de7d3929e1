"""Tidegate: gRPC model serving that has its capacity there before the traffic is."""
