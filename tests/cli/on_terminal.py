"""Run `ecotone` with the terminal on standard input as the controlling one, so that Ctrl-C typed there is a signal."""

import fcntl
import runpy
import sys
import termios

if __name__ == "__main__":
    fcntl.ioctl(sys.stdin.fileno(), termios.TIOCSCTTY, 0)
    runpy.run_module("ecotone", run_name="__main__", alter_sys=True)
