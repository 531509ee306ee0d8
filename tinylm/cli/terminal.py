"""How a program meets its terminal: whatever ends it is one line there and an exit code, never a traceback.

Only the standard library is imported here, since packages take half a second, in which Ctrl-C is to be one line too.
"""

import atexit
import contextlib
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator

INTERRUPTED = 130
CLOSED = "standard output is closed; open it, or send it to a file or to /dev/null"


def carry_out(program: Callable[[], int], interrupted: str = "interrupted", failed: int = 2) -> int:
    """The exit code of a program; its mistakes, which give `failed`, and interrupts are told in one line on stderr.

    Whatever the terminal's encoding cannot write appears as \\xNN or \\uNNNN. A reader of the output that leaves, as `head` does, ends
    the program quietly. An output that cannot be written, a closed one and a lack of memory are mistakes too.
    """
    atexit.register(gc.freeze)  # with torch loaded, Python looks for dead circles at its end for a quarter of a second
    _prepare()
    if sys.stdout is None:
        return _tell(f"error: {CLOSED}", failed)
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: _tell(f"warning: {message}", 0)
        try:
            code = _run(program, interrupted, failed)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            return 1 | _silenced()
        except OSError as error:
            return _tell(f"error: cannot write to standard output: {error.strerror or error}", failed) | _silenced()


def _run(program: Callable[[], int], interrupted: str, failed: int) -> int:
    """The program's exit code; BrokenPipeError and OSError are left only where the output cannot be written."""
    with imports():
        from tinylm.config import TinylmError

    try:
        return program()
    except SystemExit as end:  # of argparse
        return _exit_code(end)
    except KeyboardInterrupt as error:  # a TinylmError too, where a message is known
        return _tell(str(error) or interrupted, INTERRUPTED)
    except TinylmError as error:
        return _tell(f"error: {error}", failed)
    except MemoryError:
        return _tell("error: the memory is full; take a smaller model, a smaller batch or a shorter text", failed)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout.flush()  # where this is what failed, it fails again
        return _tell(f"error: {error.filename or 'input or output failed'}: {error.strerror or error}", failed)


def _prepare() -> None:
    """Let streams take any text; a closed stdin is empty, and what a closed stderr is told goes nowhere."""
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115  (open to the end)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace"), (sys.stderr, "backslashreplace")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def _tell(text: str, code: int) -> int:
    from tinylm.config import shown

    with contextlib.suppress(OSError):
        print(shown.printable(text), file=sys.stderr)
    return code


def _exit_code(end: SystemExit) -> int:
    if isinstance(end.code, str):
        return _tell(end.code, 1)
    return end.code or 0


def _silenced() -> int:
    """0; what the output still holds goes nowhere, since Python would try to write it once more at its exit."""
    with contextlib.suppress(OSError, ValueError):  # of a test's stream, which is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


@contextlib.contextmanager
def imports(interrupted: str = "interrupted") -> Iterator[None]:
    """Imports that nothing is lost with: Ctrl-C ends the process in one line, where a half imported package would end it in many."""
    before = signal.signal(signal.SIGINT, lambda *_: _end(interrupted))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(said: str) -> None:
    os.write(2, f"{said}\n".encode())
    os._exit(INTERRUPTED)
