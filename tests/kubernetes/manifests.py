"""The objects that tests put into their namespace."""

import copy
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.cluster import Object
from tests.kubernetes.control_plane import NODE

BASE = Path(__file__).parents[2] / "k8s" / "base"
NODE_POOL = "large"
SCALER_API = "tidegate.dev/v1alpha1"


def load(path: Path) -> list[Object]:
    """Every object of a YAML file."""
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def predictive_scaler(name: str = "digits", **spec: Any) -> Object:
    """A pool that scales the Deployment of its own name between 1 and 10; `spec` overrides parts, None leaves out."""
    whole = {"target": {"name": name}, "models": ["m"], "maxReplicas": 10, **spec}
    return {
        "apiVersion": SCALER_API,
        "kind": "PredictiveScaler",
        "metadata": {"name": name},
        "spec": {key: value for key, value in whole.items() if value is not None},
    }


def node() -> Object:
    """The one node, with room for many pods."""
    room = {"cpu": "100", "memory": "100Gi", "pods": "1000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": {"node.kubernetes.io/instance-type": NODE_POOL}},
        "status": {
            "capacity": room,
            "allocatable": room,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": "played by the test"}],
        },
    }


def deployment(name: str = "digits", replicas: int = 1, **pod_spec: Any) -> Object:
    """A Deployment whose pods nobody runs but the test."""
    labels = {"app": name}
    container = {"name": "model-server", "image": "tidegate.invalid/model-server"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], **copy.deepcopy(pod_spec)},
            },
        },
    }


def shelf_definition() -> Object:
    """A kind of the tests' own that can be scaled."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    replicas = {"type": "object", "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {**anything, "properties": {"spec": replicas, "status": replicas}}},
        "subresources": {"status": {}, "scale": scale},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "shelves.test.tidegate.dev"},
        "spec": {
            "group": "test.tidegate.dev",
            "scope": "Namespaced",
            "names": {"kind": "Shelf", "plural": "shelves"},
            "versions": [version],
        },
    }
