"""`python -m benchmarks [NAME …]`: run all benchmarks, or those named; print and record their results."""

import argparse

from benchmarks import router, serving

BENCHMARKS = {"router": router.main, "serving": serving.main}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], help="which (default: all)")
    for name in parser.parse_args().names or BENCHMARKS:
        BENCHMARKS[name]()


if __name__ == "__main__":
    main()
