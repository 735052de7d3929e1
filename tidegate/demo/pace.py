"""The demo's rehearsal: two documented settings that give replicas a real, known capacity and start-up time. PURE.

A digits classifier answers thousands of requests a second and is ready at once; a GPU pod takes minutes. So the
replicas take a minimum time for each batch and for their start, and the HPA's clock runs as much faster as they do.
"""

MAX_BATCH_ROWS = 4
BATCH_S = 0.1
STARTUP_S = 8.0

REPLICA_ROWS_PER_S = MAX_BATCH_ROWS / BATCH_S
"""Capacity of one rehearsed replica."""

POD_STARTUP_S = 120.0
"""What STARTUP_S stands for: a GPU pod that pulls its image and loads its model."""
COMPRESSION = POD_STARTUP_S / STARTUP_S

# https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ (the controller's documented defaults),
# its times divided by the same factor as the pods' start-up: at its real pace it would never scale in here.
HPA = {
    "target_utilization": 0.8,
    "tolerance": 0.1,
    "sync_period_s": 15.0 / COMPRESSION,
    "downscale_stabilization_s": 300.0 / COMPRESSION,
    "policy_period_s": 15.0 / COMPRESSION,
}

SLO_LATENCY_S = 0.5
TARGET_OUTSTANDING_ROWS = REPLICA_ROWS_PER_S * SLO_LATENCY_S / 2
"""Half of the SLO's worth of work: one batch that runs and one that gathers are most of it already."""


def words(accelerator: bool) -> list[str]:
    """What the demo says about its own settings, before it starts."""
    where = "the models run on the GPU, paced" if accelerator else "no accelerator here, so replicas rehearse one"
    return [
        f"{where}: rehearse_batch_s = {BATCH_S:g} (a batch of {MAX_BATCH_ROWS} rows takes at least that: "
        f"{REPLICA_ROWS_PER_S:g} rows/s a replica), rehearse_startup_s = {STARTUP_S:g} (asked to ready)",
        f"time is compressed {COMPRESSION:g} times: {STARTUP_S:g} s rehearse a pod's start-up of {POD_STARTUP_S:g} s, "
        f"so the HPA's 15 s become {HPA['sync_period_s']:g} s and its stabilisation of 300 s "
        f"{HPA['downscale_stabilization_s']:g} s; its target is 80%, its tolerance 10%",
        "the HPA reads outstanding work beside utilisation, and the metric that asks for more wins",
    ]
