"""Classes whose fields are options: their declaration, and the checks that follow from it."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from yarnkernel.errors import UsageError
from yarnkernel.option import Option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self


def option(default: Any, help: str, **known: Any) -> Any:  # noqa: A002  (as argparse has it)
    """Declare a field of :class:`Options`; its annotation is the option's kind.

    Parameters
    ----------
    default : object
        Its default.
    help : str
        What it means.
    **known
        More fields of :class:`Option`.
    """
    return same(default, Option(help, **known))


def same(default: Any, known: Option, **changes: Any) -> Any:
    """Declare a field of :class:`Options` from a known option.

    Parameters
    ----------
    default : object
        Its default.
    known : Option
        The option.
    **changes
        Fields that differ here.
    """
    metadata = {"option": dataclasses.replace(known, **changes)}
    if isinstance(default, (list, dict)):
        return dataclasses.field(default_factory=type(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def table_of(options: type) -> dict[str, Option]:
    """Return the options of a class by name."""
    hints = get_type_hints(options)
    return {
        field.name: dataclasses.replace(
            field.metadata["option"],
            name=field.name,
            kind=_kind(hints[field.name]),
            default=field.default if field.default is not dataclasses.MISSING else _made(field),
        )
        for field in dataclasses.fields(options)
    }


def _made(field: dataclasses.Field[Any]) -> Any:
    factory: Any = field.default_factory
    return factory()


def _kind(hint: Any) -> type:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    kind: type = get_origin(hint) or hint
    return kind


@dataclass(frozen=True)
class Options:
    """Base of classes whose fields are declared by :func:`option` and always checked."""

    @classmethod
    @functools.cache
    def table(cls) -> dict[str, Option]:
        """Return all options by name."""
        return table_of(cls)

    def __post_init__(self) -> None:
        """Check all values; convert integers where floats are wanted."""
        for name, known in self.table().items():
            object.__setattr__(self, name, known.checked(getattr(self, name)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make an instance of given values.

        Raises
        ------
        UsageError
            For an unknown name or an invalid value.
        """
        check_names(values, cls.table())
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the values that differ from the defaults."""
        return {
            name: getattr(self, name)
            for name, known in self.table().items()
            if not known.is_default(getattr(self, name))
        }


def check_names(names: Mapping[str, Any], table: Mapping[str, Option]) -> None:
    """Check that all names are options.

    Raises
    ------
    UsageError
        For the first that is not.
    """
    for name in names:
        if name not in table:
            near = difflib.get_close_matches(name, table, 1)
            meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(table)}"
            raise UsageError(f"there is no option {name!r}; {meant}")
