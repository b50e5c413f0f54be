"""Run Jupyter's conformance suite for kernels against an installed kernel.

usage: conformance.py KERNEL

Prints the names of its tests by outcome, as one JSON document.
"""

from __future__ import annotations

import json
import sys
import unittest

from jupyter_kernel_test import KernelTests


class PythonKernelTests(KernelTests):  # type: ignore[misc]  # is untyped
    """The suite with samples of Python, each of its tests supported."""

    kernel_name = sys.argv[1]
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    code_page_something = "print?"
    code_generate_error = "raise ValueError('an error')"
    code_inspect_sample = "open"
    code_clear_output = "from IPython.display import clear_output; clear_output()"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]  # noqa: RUF012
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x * 2\n\n\n"]  # noqa: RUF012
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x * 2"]  # noqa: RUF012
    invalid_code_samples = ["import = 7q"]  # noqa: RUF012
    code_execute_result = [  # noqa: RUF012
        {"code": "1+2+3", "result": "6"},
        {"code": "[n * n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data = [  # noqa: RUF012
        {"code": "from IPython.display import HTML, display; display(HTML('<b>x</b>'))",
         "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('x'))",
         "mime": "text/latex"},
    ]  # fmt: skip
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "search")


def run(names: set[str]) -> tuple[set[str], set[str]]:
    """Run tests; return the names of those that failed and of those that were skipped."""
    suite = unittest.TestSuite(PythonKernelTests(name) for name in sorted(names))
    result = unittest.TextTestRunner(stream=sys.stderr, verbosity=2).run(suite)

    def named(tests: list[tuple[unittest.TestCase, str]]) -> set[str]:
        return {test.id().rpartition(".")[2] for test, _ in tests}

    failed = named(result.failures) | named(result.errors)
    # Without the words that tell subtests apart, of which some may be skipped.
    return {name.partition(" ")[0] for name in failed}, named(result.skipped)


def main() -> None:
    names = set(unittest.defaultTestLoader.getTestCaseNames(PythonKernelTests))
    failed, skipped = run(names)
    # The suite waits a tenth of a second for broadcasts: a busy machine gets another chance.
    if failed:
        failed, _ = run(failed)
    outcome = {"passed": names - failed - skipped, "failed": failed, "skipped": skipped}
    print(json.dumps({kind: sorted(tests) for kind, tests in outcome.items()}))


if __name__ == "__main__":
    main()
