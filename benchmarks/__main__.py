"""`python -m benchmarks [NAME [OPTION …]]`: run one benchmark, or those that need Python alone.

Each prints its results and records them in benchmarks/results; `python -m benchmarks NAME --help` lists its options.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import balance, forecast, policies, router, serving


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`run` takes the options after the name; `by_default` when no name is given."""

    run: Callable[[Sequence[str]], None]
    about: str
    minutes: int
    by_default: bool = False


BENCHMARKS = {
    "balance": Benchmark(balance.main, "replicas in trouble behind ours, HAProxy and Envoy: shares, p99, failures", 10),
    "forecast": Benchmark(
        forecast.main, "the forecaster: accuracy beside its peers, calls while it fits, ten thousand series", 15
    ),
    "policies": Benchmark(policies.main, "autoscaling policies on recorded traces: misses, cost, frontiers", 300),
    "router": Benchmark(router.main, "what a proxy costs: ours, HAProxy, nginx and Envoy, one worker each", 5),
    "serving": Benchmark(serving.main, "what the router costs before one model server", 2, by_default=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        usage="%(prog)s [NAME [OPTION ...]]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(
            f"  {name:9} {one.about} (about {one.minutes} min{'; runs without a NAME' if one.by_default else ''})"
            for name, one in BENCHMARKS.items()
        ),
    )
    parser.add_argument("name", nargs="?", choices=BENCHMARKS, metavar="NAME", help="one of those below")
    name = parser.parse_args(sys.argv[1:2]).name
    chosen = [BENCHMARKS[name]] if name else [one for one in BENCHMARKS.values() if one.by_default]
    for benchmark in chosen:
        benchmark.run(sys.argv[2:])


if __name__ == "__main__":
    main()
