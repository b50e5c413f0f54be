"""``spark`` and ``sc``: real objects, made when a cell first reads one of the names."""

from __future__ import annotations

import ast
import symtable
from typing import Any

from IPython.core.error import InputRejected

from . import contexts

NAMES = ("spark", "sc")


class NoSparkError(InputRejected):
    """Says why there is no session, in a line and not in eighty of Java's."""

    def _render_traceback_(self) -> list[str]:
        return [f"yarnkernel: {self}"]


class StartInterrupted(KeyboardInterrupt):
    """The user does not want to wait."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt"]


class FirstReads:
    """Looks at each cell before it runs, as ``IPython``'s transformers of syntax trees do.

    ``%%time`` and its like pass what they run on to these, too.

    Parameters
    ----------
    namespace : dict
        The user's.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def visit(self, tree: ast.AST) -> ast.AST:
        """Make what the tree reads and nobody has made; the tree stays as it is.

        Raises
        ------
        InputRejected
            When that fails: the cell does not run.
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
    """Which of the names are read as the cell's own, and never assigned there."""
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
