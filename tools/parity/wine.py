"""Wine: where it is, how it is installed on Debian, how a Windows Python runs in it."""

import os
import shutil
import subprocess
from pathlib import Path

PACKAGE = "wine64"
PLACES = ("wine64", "/usr/lib/wine/wine64", "wine")
LONGEST_RUN_SECONDS = 600


class WineMissing(Exception):
    """There is no Wine and it cannot be installed from here; the message says what to do."""


def find() -> str | None:
    """The program, if it is there."""
    return next((found for place in PLACES if (found := shutil.which(place))), None)


def install() -> str:
    """Install Debian's package, as root. Raises WineMissing."""
    if shutil.which("apt-get") is None:
        raise WineMissing("Wine is needed to run the genuine package: install a 64-bit Wine, version 8 or later.")
    if os.geteuid() != 0:
        raise WineMissing(f"Wine is needed to run the genuine package: sudo apt-get install {PACKAGE}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install_it = ["apt-get", "install", "--quiet", "--quiet", "--yes", "--no-install-recommends", PACKAGE]
    subprocess.run(["apt-get", "update", "--quiet", "--quiet"], env=quiet, check=False, capture_output=True)
    done = subprocess.run(install_it, env=quiet, check=False, capture_output=True, text=True)
    found = find()
    if found is None:
        raise WineMissing(f"apt-get could not install {PACKAGE}: {done.stderr.strip() or done.stdout.strip()}")
    return found


def run(wine: str, prefix: Path, program: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a Windows program in a Wine of its own, without a display, in UTC. Raises subprocess.TimeoutExpired.

    Its standard streams are pipes: CPython does not start under Wine with others.
    """
    environment = {
        **os.environ,
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": "-all",
        "WINEDLLOVERRIDES": "mscoree,mshtml=",
        "TZ": "UTC",
    }
    environment.pop("DISPLAY", None)
    prefix.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [wine, str(program), *arguments],
        input=b"",
        capture_output=True,
        env=environment,
        check=False,
        timeout=LONGEST_RUN_SECONDS,
    )


def windows_path(path: Path) -> str:
    """The path as programs under Wine see it."""
    return "Z:" + str(path.resolve()).replace("/", "\\")
