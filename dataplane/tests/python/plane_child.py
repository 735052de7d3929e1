"""A data plane in a process of its own, so that a crash is seen as one and its memory is its own.

`python plane_child.py`: the first line on stdin is JSON (see `main`), the first on stdout its address. Each further
line on stdin is answered by what it counts (`drain` drains it before); the end of stdin stops it.
"""

import json
import resource
import sys

import dataplane as dp

INFERENCE = "/inference.GRPCInferenceService/"


def counts(plane: dp.DataPlane) -> dict[str, object]:
    now = plane.counts()
    return {
        "clients": plane.clients,
        "accepted": now.accepted,
        "requests": now.requests,
        "bytes_in_flight": now.bytes_in_flight,
        "held": plane.held,
        "outstanding": sum(state.outstanding for state in plane.backends()),
        "events": [[event.kind, event.backend, event.detail] for event in plane.events()],
        "ended": {name: model.ended for name, model in now.models.items()},
    }


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    wanted = json.loads(sys.stdin.readline())
    if wanted["open_files"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted["open_files"], wanted["open_files"]))
    upstream = dp.default_upstream_limits()
    for name, value in wanted["upstream_limits"].items():
        setattr(upstream, name, value)
    plane = dp.DataPlane(
        "127.0.0.1:0",
        threads=wanted["threads"],
        client_limits=dp.Limits(**wanted["limits"]),
        upstream_limits=upstream,
        **wanted["options"],
    )
    plane.apply(
        dp.Policy(
            backends=[dp.Backend(address=address, models=models) for address, models in wanted["backends"]],
            routes=[
                dp.Route(path=INFERENCE + "ModelInfer", kind=dp.RouteKind.INFERENCE),
                dp.Route(path=INFERENCE + "ModelStreamInfer", kind=dp.RouteKind.INFERENCE_STREAM),
                dp.Route(path=INFERENCE + "Refused", kind=dp.RouteKind.REFUSED),
            ],
            models=[dp.Model(name=name) for name in wanted["models"]],
            **wanted["policy"],
            times=dp.Times(**wanted["times"]),
            hold=dp.Hold(**wanted["hold"]),
            retry=dp.Retry(**wanted["retry"]),
        )
    )
    plane.start()
    say(plane.address)
    for line in sys.stdin:
        if line == "drain\n":
            plane.drain()
        say(counts(plane))
    plane.stop()


if __name__ == "__main__":
    main()
