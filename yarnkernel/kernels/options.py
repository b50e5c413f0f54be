"""The table of all options of a start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yarnkernel import recipe_options as recipe
from yarnkernel.connection import AUTO as IF_POSSIBLE
from yarnkernel.connection import ENCRYPTIONS, NEVER, REQUIRED
from yarnkernel.deadline import LONGEST, START_TIMEOUT
from yarnkernel.declared import option, same
from yarnkernel.errors import UsageError
from yarnkernel.kernels.command import check_command
from yarnkernel.kernels.interfaces import SCHEDULERS, YARN
from yarnkernel.kernels.place_options import PlaceOptions
from yarnkernel.kernels.spark_options import SparkOptions
from yarnkernel.shell import is_variable_name

if TYPE_CHECKING:
    from yarnkernel.option import Option

#: How an application is submitted to YARN: directly, by skein's driver, or directly if possible.
AUTO, DIRECT, SKEIN = WAYS = ("auto", "direct", "skein")
#: Variable with the default way.
WAY_VARIABLE = "YARNKERNEL_VIA"
#: YARN's name for nodes without a label, which is a value of its own here.
DEFAULT_PARTITION = "<DEFAULT_PARTITION>"
#: Seconds: a century.
LONGEST_LIFE = 100 * 365 * 86400

_CONTAINER = "instead of what the specification says"
_SUBMISSION = "how it is submitted"
_KERNEL = "how the kernel is started"
#: Default of the recipe's options: leave them as they are.
_AS_SPECIFIED = "what the specification says"


def _of_recipe(known: Option, **changes: Any) -> Any:
    default = f"what the specification's script says, else {known.default_text}"
    return same(None, known, unset=default, per_launch=True, **changes)


def _check_variables(variables: dict[str, str]) -> None:
    for name in variables:
        if not is_variable_name(name):
            raise UsageError(f"the option 'env': {name!r} cannot name a variable")


@dataclass(frozen=True)
class LaunchOptions(SparkOptions, PlaceOptions):
    """The options of a start; docs/options.rst is generated from these declarations.

    An option that is not given is empty, 0 or None, and left to the specification or the recipe.
    """

    spec: str = option(
        "",
        "application specification, YAML",
        unset="specs/ipython.yaml",
        metavar="FILE",
        group=_CONTAINER,
        only=(YARN,),
    )
    files_from: str = option(
        "",
        "directory to which file names in the specification are relative",
        unset="its own directory",
        metavar="DIRECTORY",
        group=_CONTAINER,
        is_path=True,
        only=(YARN,),
    )
    queue: str = option(
        "",
        "queue of the application, or queue or partition of the job",
        unset=_AS_SPECIFIED,
        group=_CONTAINER,
        only=(YARN, *SCHEDULERS),
        per_launch=True,
    )
    memory: str = option(
        "",
        'memory of the kernel, such as "2 GiB" or 2g; a number alone is MiB',
        unset=_AS_SPECIFIED,
        unit="MiB",
        group=_CONTAINER,
        per_launch=True,
    )
    vcores: int = option(
        0,
        "virtual cores of the kernel",
        unset=_AS_SPECIFIED,
        metavar="N",
        group=_CONTAINER,
        spelled=("--vcores", "--cpus"),
        above=True,
        per_launch=True,
    )
    node_label: str = option(
        "",
        "only on nodes with this label; '' for nodes without one",
        unset=_AS_SPECIFIED,
        metavar="LABEL",
        group=_CONTAINER,
        for_empty=DEFAULT_PARTITION,
        per_launch=True,
        only=(YARN,),
    )
    name: str = option(
        "",
        "name of the application",
        unset="the notebook's, else what the specification says",
        group=_CONTAINER,
        spelled=("--name", "--application-name"),
        per_launch=True,
    )
    env: dict[str, str] = option(
        {},
        "environment variable of the kernel, taken literally; may be given again",
        metavar="NAME=VALUE",
        group=_CONTAINER,
        secret=True,
        also=_check_variables,
    )
    environment: str = option(
        "",
        "environment of the kernel: a conda or virtual environment here, which is packed and "
        "pushed when it has changed (a local cluster, and --interface local, use it where it is), "
        "an archive here, the URL of one on the cluster, or python:///PREFIX on all nodes, or on "
        "the host",
        unset=_AS_SPECIFIED,
        group=_CONTAINER,
        is_path=True,
        per_launch=True,
    )
    via: str = option(
        "",
        "how to submit: directly, without a JVM, or by skein's driver and ApplicationMaster",
        unset=f"${WAY_VARIABLE}, else auto: directly if possible",
        group=_SUBMISSION,
        choices=WAYS,
        per_launch=True,
        only=(YARN,),
    )
    priority: int = option(
        0,
        "applications with higher numbers get containers first, as far as the queue allows",
        metavar="N",
        group=_SUBMISSION,
        per_launch=True,
        direct=True,
        only=(YARN,),
    )
    lifetime: float = option(
        0.0,
        "how long YARN, or the batch system, lets it run, used or not",
        unset="what the queue says",
        unit="seconds",
        group=_SUBMISSION,
        spelled=("--lifetime", "--time"),
        only=(YARN, *SCHEDULERS),
        most=LONGEST_LIFE,
        above=True,
        per_launch=True,
        direct=True,
    )
    own_credentials: bool = option(
        default=False,
        help="use a certificate and key of the application's own, not those of your skein",
        group=_SUBMISSION,
        only=(YARN,),
    )
    encrypt: str = option(
        "",
        "whether connections to the kernel are encrypted. required (--encrypt): always, and no key "
        "is sent with the submission; yarnkernel console can use such a kernel, jupyter console "
        "--existing cannot. never (--no-encrypt): for jupyter console --existing and others. auto: "
        "if both sides can",
        unset="auto in front ends, else what the specification's script says",
        group=_SUBMISSION,
        spelled=("--encryption",),
        constants={"--encrypt": REQUIRED, "--no-encrypt": NEVER},
        choices=ENCRYPTIONS,
        direct=True,
        any_way=(NEVER, IF_POSSIBLE),
        recipe="--encryption",
    )
    timeout: float = option(
        START_TIMEOUT,
        "how long a start, or a submission, may take: one deadline over everything",
        unit="seconds",
        group=_SUBMISSION,
        most=LONGEST,
        above=True,
        per_launch=True,
    )
    workdir: str = option(
        "",
        "working directory of the kernel, on the node",
        unset="the notebook's if the node has it, else the container's",
        metavar="DIRECTORY",
        group=_KERNEL,
        per_launch=True,
        recipe="--directory",
    )
    precmd: list[str] = option(
        [],
        "lines of bash to run before the kernel, and again before each restart; may be given again",
        metavar="SHELL",
        group=_KERNEL,
        recipe="--pre-command",
    )
    kernel_cmd: list[str] = option(
        [],
        "command of a kernel other than IPython, in shell syntax, with {connection_file}",
        unset="what the specification's script says, else IPython's",
        metavar="COMMAND",
        group=_KERNEL,
        as_command=True,
        also=check_command,
    )
    interrupt_mode: str = option(
        "",
        "how the kernel is interrupted, as its kernelspec has it: by SIGINT or by a message",
        unset="signal",
        group=_KERNEL,
        choices=("signal", "message"),
        recipe="--interrupt-mode",
    )
    ports: str = same("", recipe.PORTS, group=_KERNEL, per_launch=True)
    launch_arg: list[str] = option(
        [],
        "argument of the kernel, as in --launch-arg=--pylab; may be given again",
        metavar="ARGUMENT",
        group=_KERNEL,
    )
    verbose: bool = option(
        default=False,
        help="print more: the way that is taken, and each step in the container's log",
        group=_KERNEL,
        spelled=("-v", "--verbose"),
        per_launch=True,
        recipe="--verbose",
    )
    start_timeout: float | None = _of_recipe(recipe.START)
    max_restarts: int | None = _of_recipe(recipe.MAX_RESTARTS)
    memory_guard: float | None = _of_recipe(recipe.MEMORY_GUARD)
    max_containers: int | None = _of_recipe(recipe.MAX_CONTAINERS, only=(YARN,), direct=True)
    orphan_timeout: float | None = _of_recipe(recipe.ORPHAN)
    idle_timeout: float | None = _of_recipe(recipe.IDLE)
    max_lifetime: float | None = _of_recipe(recipe.LIFETIME)

    def __post_init__(self) -> None:
        """Check each option and their combinations."""
        super().__post_init__()
        if self.via != SKEIN:
            return
        for known in OPTIONS.values():
            if known.needs_direct(getattr(self, known.name)):
                (given,) = known.spell(getattr(self, known.name))
                raise UsageError(
                    f"{given} needs the direct way: skein's driver cannot do it; "
                    "next: --via direct, or without that option"
                )

    @property
    def sealed(self) -> bool:
        """Whether no key may travel with the submission."""
        return self.encrypt == REQUIRED

    def recipe_options(self) -> list[str]:
        """Return them as options of the recipe's command line."""
        options = [
            argument
            for known in OPTIONS.values()
            if known.recipe
            for argument in known.spell(getattr(self, known.name), known.recipe)
        ]
        if self.kernel_cmd:
            return [*options, "--", *self.kernel_cmd, *self.launch_arg]
        return [*self.launch_arg, *options]


#: All of them, by name.
OPTIONS = LaunchOptions.table()
