"""``spark`` and ``sc``, which are made when a cell first reads one of the names."""

from __future__ import annotations

import ast
import symtable
from typing import Any

from IPython.core.error import InputRejected

from . import contexts

NAMES = ("spark", "sc")


class NoSparkError(InputRejected):
    """The session could not be made; says why in a line instead of Java's eighty."""

    def _render_traceback_(self) -> list[str]:
        return [f"yarnkernel: {self}"]


class StartInterrupted(KeyboardInterrupt):
    """The user interrupted the start."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt"]


class FirstReads:
    """Checks each cell before it runs, as an AST transformer of IPython.

    Magics such as ``%%time`` apply these transformers, too.

    Parameters
    ----------
    namespace : dict
        The user's.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def visit(self, tree: ast.AST) -> ast.AST:
        """Make the missing names that the tree reads; return the tree unchanged.

        Raises
        ------
        InputRejected
            When that fails, so that the cell does not run.
        """
        if any(self._is_missing(name) for name in _first_read(tree)):
            self._make()
        return tree

    def _is_missing(self, name: str) -> bool:
        if name not in self._namespace:
            return True
        return contexts.is_over(self._namespace[name])

    def _make(self) -> None:
        try:
            session = contexts.new_session()
        except contexts.StartError as exc:
            raise NoSparkError(str(exc)) from None
        except KeyboardInterrupt:
            raise StartInterrupted from None
        self._namespace.update(spark=session, sc=session.sparkContext)


def _first_read(tree: ast.AST) -> set[str]:
    """Return the names that the cell reads as globals and never assigns."""
    cell = symtable.symtable(ast.unparse(tree), "<cell>", "exec")
    assigned = {
        symbol.get_name()
        for symbol in cell.get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    }
    read: set[str] = set()
    scopes = [cell]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        read |= {
            symbol.get_name()
            for symbol in scope.get_symbols()
            if symbol.is_referenced() and (scope is cell or symbol.is_global())
        }
    return read.intersection(NAMES) - assigned
