"""`python -m tests.fuzz --seconds 600`: fuzz both decoders with coverage guidance and say how far it got."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import run
from tests.fuzz.decoders import PLANTED


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="keeps corpus and findings [default: a fresh one]")
    parser.add_argument("--plant", choices=sorted(PLANTED), help="a broken decoder, which must be found")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        outcome = run(asked.folder or Path(fresh), seconds=asked.seconds, plant=asked.plant)
    sys.stdout.write(json.dumps(outcome.figures) + "\n")
    if outcome.finding:
        sys.stdout.write(f"found: {outcome.finding}\n")
    return 1 if outcome.finding else 0


if __name__ == "__main__":
    sys.exit(main())
