"""What ends a program is one line: an interrupt at any moment, an output that takes nothing, a terminal of few letters."""

import os
import signal
import subprocess
import sys

import pytest

from tinylm.cli import terminal
from tinylm.config import TinylmError
from tinylm.config.interrupts import Stopped

TINYLM = f"{sys.executable} -m tinylm"


def shell(line, **environment):
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, env=os.environ | environment)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def raising(error):
    def program():
        raise error

    return program


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (TinylmError("lower \x1b[31mit"), 2, "error: lower \\x1b[31mit\n"),
        (MemoryError(), 2, "error: the memory is full; take a smaller model, a smaller batch or a shorter text\n"),
        (OSError(28, "No space left on device", "/a/b"), 2, "error: /a/b: No space left on device\n"),
        (OSError(5, "Input/output error"), 2, "error: input or output failed: Input/output error\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (Stopped("stopped at step 3"), 130, "stopped at step 3\n"),
        (SystemExit(3), 3, ""),
        (SystemExit(None), 0, ""),
        (SystemExit("no"), 1, "no\n"),
    ],
)
def test_what_ends_a_program_is_one_line_and_an_exit_code(capsys, error, code, said):
    assert terminal.carry_out(raising(error)) == code
    assert capsys.readouterr() == ("", said)


def test_a_program_may_word_it_and_choose_its_code(capsys):
    assert terminal.carry_out(raising(KeyboardInterrupt()), interrupted="stopped; repeat") == 130
    assert terminal.carry_out(raising(TinylmError("a")), failed=1) == 1
    assert capsys.readouterr().err == "stopped; repeat\nerror: a\n" and terminal.carry_out(lambda: 7) == 7


def test_a_fault_of_the_programs_own_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        terminal.carry_out(raising(ZeroDivisionError()))


@pytest.mark.parametrize("line", ["flops", "flops --help", "status --json"])
def test_an_output_that_takes_nothing_is_one_line(line):
    assert shell(f"{TINYLM} {line} > /dev/full") == (2, "", "error: input or output failed: No space left on device\n")
    assert shell(f"{TINYLM} {line} >&-") == (2, "", f"error: {terminal.CLOSED}\n")


def test_closed_streams_for_input_and_errors_are_empty_ones():
    assert shell(f"{TINYLM} flops 2>&-")[:1] == (0,) and shell(f"{TINYLM} flops --section no 2>&-") == (2, "", "")
    assert shell(f"{TINYLM} chat <&-")[0] == 0


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_a_terminal_of_few_letters_gets_the_others_written_out(tmp_path, environment):
    text, environment = tmp_path / "grüße.txt", environment | {"TINYLM_HOME": str(tmp_path / "home")}
    text.write_text("Süße Träume, 雨!\n" * 600, encoding="utf-8")
    code, out, err = shell(f"{TINYLM} train --recipe counts --corpus {text}", **environment)
    assert code == 0 and out.isascii() and err.isascii()
    key = out.rpartition("--model ")[2].split()[0]
    code, out, err = shell(f"{TINYLM} generate --temperature 0 --length 14 --prompt S --model {key}", **environment)
    assert (code, out, err) == (0, "S\\xfc\\xdfe Tr\\xe4ume, \\u96e8!\n", "")
    code, out, err = shell(rf"printf 'S\xff\nh\xc3\xa9\nquit\n' | {TINYLM} chat --length 3 --model {key}", **environment)
    assert code == 0 and err.isascii() and err.count("error: ") == 2 and r"\udcff" in err


INTERRUPTED_AT = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from {module} import main
sys.argv = ["x", *{words!r}]
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["argparse", "tinylm.config", "numpy", "tinylm.cli.train"])
def test_ctrl_c_while_packages_are_loaded_is_one_line(name):
    code = INTERRUPTED_AT.format(name=name, module="tinylm.__main__", words=["flops"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_ctrl_c_is_as_before_once_packages_are_loaded():
    before = signal.getsignal(signal.SIGINT)
    with terminal.imports():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
