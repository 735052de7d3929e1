"""Makes the executor of a cluster."""

import os
import platform
from collections.abc import Callable

from scaler.kubernetes.candidate import Candidate
from scaler.kubernetes.elector import Elector
from scaler.kubernetes.executor import Kubernetes
from scaler.retiring import RouterControl
from scaler.settings import KubernetesSettings
from tidegate.shared.kubernetes.api import Api


async def kubernetes(
    settings: KubernetesSettings,
    routers: RouterControl,
    clock: Callable[[], float],
    steady: Callable[[], float],
    *,
    dry_run: bool,
) -> Kubernetes:
    """Connect, stand for election unless it is a dry run, and begin to watch.

    Raises InvalidSetting without a usable kubeconfig.
    """
    api = await Api.connect(settings.kubeconfig, settings.request_timeout_s)
    if dry_run:
        return Kubernetes(api, settings, routers, None, clock)
    identity = f"{platform.node()}-{os.getpid()}"  # in a pod the host's name is the pod's
    candidate = Candidate(identity, settings.lease_duration_s)
    elector = Elector(api, settings.namespace, settings.lease, candidate, settings.lease_retry_s, steady)
    return Kubernetes(api, settings, routers, elector, clock)
