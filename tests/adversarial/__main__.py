"""`python -m tests.adversarial --trials 100000 --seed 1`: none of so many restricted requests may reach a vendor.

`--weaken` breaks the gateway first, to see that the check can fail.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.adversarial.trials import WEAKENED, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.adversarial", description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000, help="restricted requests to try")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weaken", choices=["rule", *WEAKENED], help="what to break; leaks are then expected")
    options = parser.parse_args()
    begun_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tally = asyncio.run(run(Path(folder), options.trials, options.seed, weaken=options.weaken))
    print(tally.told())
    print(f"{time.perf_counter() - begun_s:.0f} s, seed {options.seed}")
    if options.weaken:
        return 0 if tally.leaks else 1
    if not tally.shows_something:
        print("too few were answered or refused for this to show anything")
    return 0 if tally.shows_something and not tally.leaks else 1


if __name__ == "__main__":
    sys.exit(main())
