"""A stand-in for a model server in tests of the scaler: `fake_replica.py DIR --replica-id ID …`.

It is there as long as the file DIR/ID is; SIGTERM ends it.
"""

import signal
import sys
from pathlib import Path


def main() -> None:
    """Appear, wait for SIGTERM, disappear."""
    here = Path(sys.argv[1]) / sys.argv[sys.argv.index("--replica-id") + 1]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    here.write_text(" ".join(sys.argv[2:]))
    signal.sigwait({signal.SIGTERM})
    here.unlink()


if __name__ == "__main__":
    main()
