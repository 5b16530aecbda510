"""Worker processes that start in milliseconds: forked from a process that has everything imported.

`python -m tests.terminals.warm SOCKET` is that process. `stub(SOCKET, ...)` is a command which hands its standard
streams over to a fork and stands for it: killing the one kills the other, and both end together.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
from ast import literal_eval
from collections.abc import Callable

STUB = """
import _socket, posix, sys
line = _socket.socket(_socket.AF_UNIX)
line.connect(sys.argv[1])
word = repr((sys.argv[2:], posix.environ)).encode()
streams = b"".join(one.to_bytes(4, sys.byteorder) for one in (0, 1, 2))
line.sendmsg([len(word).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
line.sendall(word)
for descriptor in (0, 1, 2):
    posix.close(descriptor)
status = line.recv(1)
posix._exit(status[0] if status else 255)
"""
"""Imports what is built into the interpreter only: it is up at once."""


def stub(socket_path: str, *arguments: str) -> tuple[str, ...]:
    """The command of a worker with these arguments for `worker_child.serve`."""
    return (sys.executable, "-I", "-S", "-c", STUB, socket_path, *arguments)


class Nursery:
    """Forks workers and tells each stub of the end of its own."""

    def __init__(self, path: str, serve: Callable[[list[str]], None]) -> None:
        self._serve = serve
        self._lines: dict[int, socket.socket] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        self._woken, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._fork)
        self._selector.register(self._woken, selectors.EVENT_READ, self._reap)
        self._selector.register(0, selectors.EVENT_READ, lambda: sys.exit())

    def run(self) -> None:
        """Serve until standard input closes."""
        try:
            while True:
                for key, _ in self._selector.select():
                    key.data()
        finally:
            for pid in self._lines:
                os.kill(pid, signal.SIGKILL)

    def _fork(self) -> None:
        line, _ = self._listener.accept()
        header, streams, _, _ = socket.recv_fds(line, 4, 3)
        word = b""
        while len(word) < int.from_bytes(header, "big"):
            word += line.recv(2**20)
        arguments, named = literal_eval(word.decode())
        environment = {os.fsdecode(name): os.fsdecode(value) for name, value in named.items()}
        pid = os.fork()
        if pid == 0:
            self._become(arguments, environment, streams, line)
        for descriptor in streams:
            os.close(descriptor)
        self._lines[pid] = line
        self._selector.register(line, selectors.EVENT_READ, lambda: self._end(pid, line))

    def _become(
        self, arguments: list[str], environment: dict[str, str], streams: list[int], line: socket.socket
    ) -> None:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for target, descriptor in enumerate(streams):
                os.dup2(descriptor, target)
                os.close(descriptor)
            for one in (line, self._listener, *self._lines.values()):
                one.close()
            self._selector.close()
            os.environ.clear()
            os.environ.update(environment)
            sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
            self._serve(arguments)
            status = 0
        finally:
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(status)

    def _end(self, pid: int, line: socket.socket) -> None:
        """The stub is gone: what it stood for goes, too."""
        if pid in self._lines:  # else both ended in one moment
            self._selector.unregister(line)
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 1024)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            line = self._lines.pop(pid)
            with contextlib.suppress(KeyError):
                self._selector.unregister(line)
            with contextlib.suppress(OSError):
                line.send(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
            line.close()


if __name__ == "__main__":
    from tests.terminals.worker_child import serve

    nursery = Nursery(sys.argv[1], serve)
    gc.freeze()  # a fork then copies less
    print("ready", flush=True)
    nursery.run()
