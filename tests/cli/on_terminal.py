#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""on_terminal.py TEXT COMMAND...: run a command on a terminal of its own and type TEXT, a line
whenever the command has asked (it is silent for a moment); print what the terminal shows; exit as the
command did."""
import os
import pty
import select
import sys
import time

lines = sys.argv[1].replace("\\n", "\n").splitlines(keepends=True)
pid, fd = pty.fork()
if pid == 0:
    os.environ.setdefault("TERM", "xterm")
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
fresh = False
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    if select.select([fd], [], [], 0.3)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
        fresh = True
    elif lines and fresh and shown.rstrip(b" ") != b"" and not shown.endswith(b"\n"):
        os.write(fd, lines.pop(0).encode())
        fresh = False
else:
    os.kill(pid, 9)
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(status) % 256)
