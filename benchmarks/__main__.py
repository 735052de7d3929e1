"""`python -m benchmarks [NAME …]`: run those named, or those that need Python alone; print and record their results."""

import argparse

from benchmarks import router, serving

BENCHMARKS = {"router": router.main, "serving": serving.main}
DEFAULT = ("serving",)  # router compiles the data plane and needs other proxies: it runs when it is named


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help=f"which (default: {' '.join(DEFAULT)})")
    parser.add_argument("--only", nargs="+", choices=router.SECTIONS, help="these sections of `router`")
    arguments = parser.parse_args()
    if arguments.only and arguments.names != ["router"]:
        parser.error("--only names sections of `router`")
    for name in arguments.names or DEFAULT:
        BENCHMARKS[name](*([arguments.only] if arguments.only else []))


if __name__ == "__main__":
    main()
