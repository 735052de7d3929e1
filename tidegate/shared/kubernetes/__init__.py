"""The Kubernetes API for services that follow it: calls, watches, back-off. Imported only where a cluster is asked."""
