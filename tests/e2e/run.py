#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the end-to-end suite: example programs and official-SDK peers on a real livekit-server.

    python3 tests/e2e/run.py [--faults] [-k PATTERN] [--list]

Without an option it runs all but the situations marked `long`, with `--faults` those marked `fault`, long or not.

Takes the server from $LIVEKIT_SERVER (or the PATH, or the cache) and the programs from $LKV_EXAMPLES (default:
target/examples). The last line is `N passed, N failed`; the exit status is 0 only if nothing failed and something ran.
"""

import argparse
import importlib.metadata
import os
import pathlib
import signal
import sys

SUITE = pathlib.Path(__file__).resolve().parent
REQUIREMENTS = SUITE / "requirements.txt"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "lkvideo"
ENVIRONMENT = CACHE / "e2e-venv"


def missing_packages() -> list[str]:
    """What requirements.txt pins and this interpreter lacks, or has in another version."""
    missing = []
    for line in REQUIREMENTS.read_text().splitlines():
        name, _, version = line.partition("==")
        try:
            found = version and importlib.metadata.version(name) == version
        except importlib.metadata.PackageNotFoundError:
            found = False
        if version and not found:
            missing.append(line)
    return missing


def enter_environment() -> None:
    """Goes on in the cached environment if this interpreter lacks packages; says how to make one if there is none."""
    missing = missing_packages()
    python = ENVIRONMENT / "bin/python"
    if not missing:
        return
    if python.exists() and pathlib.Path(sys.prefix) != ENVIRONMENT:
        os.execv(python, [str(python), *sys.argv])
    sys.exit(
        f"missing Python packages: {', '.join(missing)}\n"
        f"python3 -m venv {ENVIRONMENT} && {ENVIRONMENT}/bin/pip install -r {REQUIREMENTS}"
    )


class Counter:
    """Counts situations; one whose set-up or tear-down breaks has failed."""

    def __init__(self):
        self.outcomes: dict[str, bool] = {}

    def pytest_runtest_logreport(self, report):
        self.outcomes[report.nodeid] = self.outcomes.get(report.nodeid, True) and report.passed

    def pytest_collectreport(self, report):
        if report.failed:
            self.outcomes[report.nodeid] = False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="PATTERN", help="only situations whose name matches (as in pytest)")
    parser.add_argument("--faults", action="store_true", help="faults of the network, the server and peers, all of them")
    parser.add_argument("--list", action="store_true", help="print the situations and run none")
    options = parser.parse_args()
    enter_environment()

    import pytest

    # A polite end request must pass through the fixtures, which end every process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = [str(SUITE), "--rootdir", str(SUITE), "-c", str(SUITE / "pytest.ini")]
    arguments += ["-k", options.k] if options.k else []
    arguments += ["-m", "fault" if options.faults else "not long"]
    if options.list:
        return int(pytest.main([*arguments, "--collect-only", "-q", "-q"]))
    counter = Counter()
    status = int(pytest.main(arguments, plugins=[counter]))
    passed = sum(counter.outcomes.values())
    failed = len(counter.outcomes) - passed
    print(f"{passed} passed, {failed} failed")
    return status or int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
