# SPDX-License-Identifier: Apache-2.0
"""Child processes that never outlive the suite."""

import pathlib
import shutil
import subprocess


def spawn(command: list[str], **options) -> subprocess.Popen:
    """Starts `command`; the kernel kills it should the suite itself be killed (Linux)."""
    guard = [shutil.which("setpriv"), "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
    return subprocess.Popen([*guard, *command], **{"stdin": subprocess.DEVNULL, **options})


def memory_bytes(process: subprocess.Popen) -> int:
    """Memory that `process` has in use (Linux)."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


def kill(process: subprocess.Popen | None) -> None:
    """Ends `process` at once, as a crash would; safe to call at any time."""
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()
