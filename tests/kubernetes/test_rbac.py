"""What each service account may do, as the API server itself judges it."""

import pytest

from tests.kubernetes.accounts import make_accounts
from tests.kubernetes.cluster import Cluster, Object
from tests.kubernetes.manifests import BASE, load

ACCOUNTS = ("tidegate-router", "tidegate-model-server", "tidegate-forecaster", "tidegate-scaler")
HERE, ELSEWHERE = "", "kube-system"

# (verb, group, resource, subresource, name, namespace)
ROUTER_MAY = [
    ("list", "discovery.k8s.io", "endpointslices", "", "", HERE),
    ("watch", "discovery.k8s.io", "endpointslices", "", "", HERE),
]
SCALER_MAY = [
    ("list", "tidegate.dev", "predictivescalers", "", "", HERE),
    ("watch", "tidegate.dev", "predictivescalers", "", "", HERE),
    ("patch", "tidegate.dev", "predictivescalers", "status", "digits", HERE),
    ("get", "apps", "deployments", "scale", "digits", HERE),
    ("patch", "apps", "deployments", "scale", "digits", HERE),
    ("get", "apps", "statefulsets", "scale", "digits", HERE),
    ("patch", "apps", "statefulsets", "scale", "digits", HERE),
    ("list", "", "pods", "", "", HERE),
    ("watch", "", "pods", "", "", HERE),
    ("patch", "", "pods", "", "digits-1", HERE),
    ("list", "autoscaling", "horizontalpodautoscalers", "", "", HERE),
    ("watch", "autoscaling", "horizontalpodautoscalers", "", "", HERE),
    ("create", "coordination.k8s.io", "leases", "", "", HERE),
    ("get", "coordination.k8s.io", "leases", "", "tidegate-scaler", HERE),
    ("update", "coordination.k8s.io", "leases", "", "tidegate-scaler", HERE),
    ("create", "", "events", "", "", HERE),
    ("get", "", "nodes", "", "node-1", HERE),
]
MAY_NOT = [
    ("patch", "tidegate.dev", "predictivescalers", "", "digits", HERE),
    ("delete", "tidegate.dev", "predictivescalers", "", "digits", HERE),
    ("create", "tidegate.dev", "predictivescalers", "", "", HERE),
    ("get", "apps", "deployments", "", "digits", HERE),
    ("patch", "apps", "deployments", "", "digits", HERE),
    ("delete", "apps", "deployments", "", "digits", HERE),
    ("create", "", "pods", "", "", HERE),
    ("delete", "", "pods", "", "digits-1", HERE),
    ("deletecollection", "", "pods", "", "", HERE),
    ("create", "", "pods", "exec", "digits-1", HERE),
    ("get", "", "pods", "log", "digits-1", HERE),
    ("create", "", "pods", "eviction", "digits-1", HERE),
    ("get", "", "secrets", "", "", HERE),
    ("list", "", "secrets", "", "", HERE),
    ("list", "", "configmaps", "", "", HERE),
    ("create", "", "serviceaccounts", "token", "tidegate-scaler", HERE),
    ("update", "coordination.k8s.io", "leases", "", "another", HERE),
    ("delete", "coordination.k8s.io", "leases", "", "tidegate-scaler", HERE),
    ("patch", "autoscaling", "horizontalpodautoscalers", "", "rival", HERE),
    ("patch", "rbac.authorization.k8s.io", "roles", "", "tidegate-scaler", HERE),
    ("create", "rbac.authorization.k8s.io", "rolebindings", "", "", HERE),
    ("list", "", "nodes", "", "", HERE),
    ("list", "", "pods", "", "", ELSEWHERE),
    ("patch", "apps", "deployments", "scale", "coredns", ELSEWHERE),
    ("list", "tidegate.dev", "predictivescalers", "", "", ELSEWHERE),
    ("list", "discovery.k8s.io", "endpointslices", "", "", ELSEWHERE),
    ("update", "discovery.k8s.io", "endpointslices", "", "digits-1", HERE),
    ("create", "discovery.k8s.io", "endpointslices", "", "", HERE),
    ("impersonate", "", "users", "", "", HERE),
]

MAY = {"tidegate-router": ROUTER_MAY, "tidegate-scaler": SCALER_MAY}

Ask = tuple[str, str, str, str, str, str]


async def allowed(cluster: Cluster, account: str, ask: Ask) -> bool:
    verb, group, resource, subresource, name, namespace = ask
    review: Object = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{cluster.namespace}:{account}",
            "groups": ["system:serviceaccounts", f"system:serviceaccounts:{cluster.namespace}", "system:authenticated"],
            "resourceAttributes": {
                "verb": verb,
                "group": group,
                "resource": resource,
                "subresource": subresource,
                "name": name,
                "namespace": namespace or cluster.namespace,
            },
        },
    }
    answer = await cluster.api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    verdict: bool = answer["status"]["allowed"]
    return verdict


@pytest.mark.parametrize("account", ACCOUNTS)
async def test_an_account_may_do_what_it_needs_and_nothing_else(cluster: Cluster, account: str) -> None:
    await make_accounts(cluster)
    may = [ask for ask in [*SCALER_MAY, *ROUTER_MAY, *MAY_NOT] if await allowed(cluster, account, ask)]
    assert may == MAY.get(account, [])


@pytest.mark.parametrize("account", MAY)
def test_a_role_grants_nothing_that_is_not_in_its_list(account: str) -> None:
    """Each verb on each resource of the Role is one that this page proves; a rule more needs a line more."""
    objects = load(BASE / "rbac.yaml")
    roles = {(one["kind"], one["metadata"]["name"]): one for one in objects if one["kind"].endswith("Role")}
    bound = {
        (one["subjects"][0]["name"], one["roleRef"]["kind"], one["roleRef"]["name"])
        for one in objects
        if one["kind"].endswith("Binding")
    }
    assert {(kind, name) for _, kind, name in bound} == roles.keys()
    assert {who for who, _, _ in bound} == MAY.keys()
    granted = {
        (verb, group, resource)
        for who, kind, name in bound
        if who == account
        for rule in roles[kind, name]["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {
        (verb, group, f"{resource}/{sub}" if sub else resource) for verb, group, resource, sub, *_ in MAY[account]
    }
