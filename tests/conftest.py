"""A real YARN for the whole session, and commands typed as a user types them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import filelock
import platformdirs
import psutil
import pytest
from hypothesis import settings

from tests.support.distribution import Distribution
from tests.support.fork_server import Command, ForkServer
from tests.support.output_schema import check_document
from tests.support.resource_manager import end_what_began
from yarnkernel.kernels.options import WAY_VARIABLE
from yarnkernel.local.class_archive import main as make_archive
from yarnkernel.local.class_archive import maker_arguments
from yarnkernel.local.state import read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
#: A session of its own is far from the user's home, but shares the downloaded artefacts.
CACHE = platformdirs.user_cache_path()
#: How much longer than on an idle machine something may take: deadlines are for what hangs.
PATIENCE = 3
#: The web page of the cluster that most tests share, while it runs.
SHARED_WEB = pytest.StashKey[str]()
#: No files of its own, and no verdict on a busy machine's speed: tests have deadlines themselves.
settings.register_profile("tests", database=None, deadline=None)
settings.load_profile("tests")


def wait_for(condition: Callable[[], Any], timeout: float, what: str) -> Any:
    """Wait until a condition holds and return its value."""
    timeout *= PATIENCE
    end = time.monotonic() + timeout
    begin = time.monotonic()
    while not (value := condition()):
        asked = time.monotonic()
        if asked > end:
            pytest.fail(f"not within {timeout:.0f} s: {what}")
        # A command that asks again and again takes the time that it waits for from the others.
        time.sleep(min(max(0.05, asked - begin), 1))
        begin = time.monotonic()
    return value


@dataclass(frozen=True)
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    def ok(self) -> Result:
        assert self.code == 0, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self

    def error(self, code: int) -> str:
        """The error of a command that has to fail: never a traceback."""
        assert self.code == code, f"exit code {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.err, self.err
        lines = self.err.splitlines()
        begin = next(i for i, line in enumerate(lines) if line.startswith("yarnkernel: "))
        return "\n".join(lines[begin:])


def finish(
    process: subprocess.Popen[str] | Command, timeout: float = 60, given: str | None = None
) -> tuple[str, str]:
    """Wait for a command and return its output; one that does not end is a failure."""
    try:
        return process.communicate(given, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"{process.args!r} did not end within {timeout} s\n{out}\n{err}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--via",
        choices=("auto", "skein"),
        help="the way that applications are submitted (default: both where what is tested is done "
        "by other code on the other way, all others as users have it, directly where that can be)",
    )
    parser.addoption(
        "--cluster",
        default="",
        metavar="OPTIONS",
        help='of the cluster that most tests share, as in --cluster="--hadoop-version 3.4.3 --ha"',
    )
    parser.addoption(
        "--no-fork-server",
        action="store_true",
        help="start each command as a user's shell does; see tests/support/fork_server.py",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "via" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("way")
        chosen = mark.args[0] if mark else metafunc.config.getoption("--via")
        both = metafunc.definition.get_closest_marker("both_ways")
        ways = [chosen] if chosen else ["auto", "skein"] if both else ["auto"]
        metafunc.parametrize("via", ways, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def via(request: pytest.FixtureRequest) -> Iterator[str]:
    """The way that applications of a test are submitted where it names none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WAY_VARIABLE, request.param)
        yield request.param


class Shell:
    """Runs commands with an environment of its own."""

    #: What most commands of ours are forked from.
    fork_server: ClassVar[ForkServer | None] = None

    def __init__(self, environment: dict[str, str], directory: Path) -> None:
        self._environment = environment
        self.directory = directory

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands, with the way that the test at hand wants."""
        return {WAY_VARIABLE: os.environ.get(WAY_VARIABLE, ""), **self._environment}

    def start(self, *command: str | Path, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(part) for part in command],
            env=self.environment,
            cwd=options.pop("cwd", self.directory),
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def run(
        self, *command: str | Path, timeout: float = 120, given: str | None = None, **options: Any
    ) -> Result:
        """Run a command to its end, with what is given as its standard input."""
        begin = time.monotonic()
        if given is not None:
            options["stdin"] = subprocess.PIPE
        process = self._fork(command, options) or self.start(*command, **options)
        out, err = finish(process, timeout, given)
        return Result(process.returncode, out, err, time.monotonic() - begin)

    def yarnkernel(self, *arguments: str | Path, **options: Any) -> Result:
        result = self.run(BIN / "yarnkernel", *arguments, **options)
        check_document(arguments, result.out)
        return result

    def _fork(self, command: Sequence[str | Path], options: dict[str, Any]) -> Command | None:
        """Fork a command of ours of which nothing but its output and exit code is wanted."""
        program, *arguments = map(str, command)
        server = Shell.fork_server
        if server is None or program != server.command or options.keys() - {"cwd"}:
            return None
        return server.start(arguments, self.environment, options.get("cwd", self.directory))

    def using(self, **variables: str | None) -> Shell:
        """Return a shell with other variables; None takes one away."""
        environment = {**self._environment, **{k: v or "" for k, v in variables.items()}}
        for name in [name for name, value in variables.items() if value is None]:
            environment.pop(name)
        return Shell(environment, self.directory)


def clean_environment(home: Path) -> dict[str, str]:
    """The environment of a user with a new home and no Hadoop."""
    unwanted = ("HADOOP", "YARN", "SKEIN", "XDG_", "JUPYTER", "IPYTHON", "JAVA", "JDK")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    # Where it is set, a thousand commands would compile this package a thousand times.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment | {
        "HOME": str(home),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": str(CACHE),
    }


@pytest.fixture(scope="session", autouse=True)
def own_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of this session alone: all homes and all temporary files are below it.

    The plain link to a cluster's directory (work_dir.py) is a temporary file, too. So paths in
    its environment tell of every process whose it is, also of those in containers, which have
    nothing else of ours there. With workers of pytest-xdist, each has a session of its own.
    """
    directory = tmp_path_factory.getbasetemp()
    (temporary := directory / "tmp").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        yield directory


@pytest.fixture(scope="session")
def shared_directory(own_directory: Path, worker_id: str) -> Path:
    """A directory of all workers of pytest-xdist."""
    return own_directory if worker_id == "master" else own_directory.parent


@pytest.fixture(scope="session", autouse=True)
def fork_server(pytestconfig: pytest.Config) -> Iterator[None]:
    """What most commands of ours are forked from."""
    if pytestconfig.getoption("--no-fork-server"):
        yield
        return
    Shell.fork_server = ForkServer(BIN / "yarnkernel", clean_environment(Path("/")))
    yield
    Shell.fork_server.close()


def processes_of(directory: Path) -> list[psutil.Process]:
    """All processes that a session with this directory has started."""
    found = {}
    hidden = []
    for process in psutil.process_iter():
        try:
            values = process.environ().values()
        except psutil.AccessDenied:
            hidden.append(process)
            continue
        except (psutil.Error, OSError):
            continue
        if any(value.startswith(f"{directory}/") for value in values):
            found[process.pid] = process
    for process in hidden:  # a recipe shows its environment to nobody but root
        with contextlib.suppress(psutil.Error):
            if process.ppid() in found:
                found[process.pid] = process
    return list(found.values())


def own_processes() -> list[psutil.Process]:
    """What this session has started and nobody else: commands, daemons and containers."""
    return processes_of(Path(os.environ["TMPDIR"]).parent)


@contextlib.contextmanager
def frozen(process: psutil.Process) -> Iterator[None]:
    """Let a process hang while the body runs."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Distribution:
    return Distribution(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Clean up after Ctrl-C with workers of pytest-xdist as without.

    execnet sends a worker another SIGINT after five seconds, in the midst of its fixtures' ends,
    and kills it after ten: the session that started the workers does what is left then.
    """
    config = session.config
    if is_worker := hasattr(config, "workerinput"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    if config.getoption("numprocesses", None) and not is_worker:
        directory = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        for process in processes_of(directory):
            with contextlib.suppress(psutil.Error):
                process.kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """End what a test that fails leaves on the shared cluster: others count what runs there."""
    report = yield
    if report.failed and (web := item.config.stash.get(SHARED_WEB, None)):
        end_what_began(web, call.start)
    return report


@pytest.fixture(scope="session")
def user_shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A user without a cluster, whose home has a space and a quote in its name."""
    home = tmp_path_factory.mktemp("home") / "it's a home"
    home.mkdir()
    return Shell(clean_environment(home), home)


def archive_classes(user_shell: Shell) -> None:
    """Make the archive of the daemons' classes now: it pays for itself a few clusters later."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(user_shell.directory))
        patch.setenv("XDG_CACHE_HOME", str(CACHE))
        state = read_state("default")
        if state is not None and (arguments := maker_arguments(state)):
            make_archive(*arguments, delay=0)


@pytest.fixture(scope="session")
def cluster(user_shell: Shell, pytestconfig: pytest.Config) -> Iterator[dict[str, Any]]:
    """The session's local cluster; at its end nothing may be left of anything."""
    options = pytestconfig.getoption("--cluster").split()
    start = ("cluster", "start", *options, "--json")
    started = user_shell.yarnkernel(*start, timeout=900).ok().document
    pytestconfig.stash[SHARED_WEB] = started["web"]
    archive_classes(user_shell)
    try:
        yield started
        (status,) = user_shell.yarnkernel("cluster", "status", "--json").ok().document
        assert status["applications"] == [], "applications were left behind"
    finally:
        del pytestconfig.stash[SHARED_WEB]
        user_shell.yarnkernel("cluster", "stop")
    left = [process.cmdline() for process in own_processes()]
    assert left == [], "processes were left behind"
    assert not Path(started["directory"]).exists()


@pytest.fixture(scope="session")
def private_shell(user_shell: Shell, cluster: dict[str, Any]) -> Shell:
    """A user with a running cluster; each command starts a driver of its own."""
    assert cluster["running"]
    return user_shell.using(SKEIN_CONFIG=str(user_shell.directory / "skein"))


@pytest.fixture(scope="session")
def stock(user_shell: Shell, cluster: dict[str, Any]) -> Iterator[Shell]:
    """A user after ``eval "$(yarnkernel cluster env)"``, with a global driver of skein's."""
    assert cluster["running"]
    environment = user_shell.yarnkernel("cluster", "env", "--json").ok().document
    stock = user_shell.using(**environment)
    stock.run("skein", "driver", "start").ok()
    yield stock
    stock.run("skein", "driver", "stop", "--force").ok()


@pytest.fixture(scope="session")
def shell(user_shell: Shell, stock: Shell) -> Shell:
    """A user with a running cluster, whose global driver saves each command 1.5 s."""
    assert stock.environment["HADOOP_CONF_DIR"]
    return user_shell


@pytest.fixture
def name(user_shell: Shell, request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of a cluster for one test, stopped when it is over."""
    name = f"test-{abs(hash(request.node.name)) % 10**6}"
    yield name
    user_shell.yarnkernel("cluster", "stop", "--name", name).ok()
    state = user_shell.directory / ".local/state/yarnkernel/clusters"
    assert [path.name for path in state.glob(f"{name}*")] in ([], [f"{name}.lock"])


def make_venv(prefix: Path, *packages: str) -> None:
    """Make a virtual environment, by our own pip: to have one in it takes as long as a kernel."""
    pip = [sys.executable, "-m", "pip", "--python", str(prefix), "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet", "--no-compile", *packages]
    for command in ([sys.executable, "-m", "venv", "--without-pip", str(prefix)], install):
        subprocess.run(command, check=True, timeout=300)


def make_once(path: Path, make: Callable[[], object]) -> Path:
    """Make what all workers of pytest-xdist share; whoever comes first makes it."""
    path.parent.mkdir(exist_ok=True)
    made = path.with_name(f"{path.name}.made")
    with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=400):
        if not made.exists():
            make()
            made.touch()
    return path


@pytest.fixture(scope="session")
def kernel_venv(shared_directory: Path) -> Path:
    """A virtual environment with what a container needs, and nothing of ours."""
    prefix = shared_directory / "prefixes" / "my kernel's"

    def make() -> None:
        make_venv(prefix, "ipykernel", "skein", "setuptools")
        # What no kernel needs: type hints of other libraries, time zones, a debugger. Without its
        # native library, Hadoop takes 4 ms for each file.
        for unwanted in ("jedi/third_party", "tzdata/zoneinfo", "debugpy", "debugpy-*.dist-info"):
            for directory in prefix.glob(f"lib/python3*/site-packages/{unwanted}"):
                shutil.rmtree(directory)

    return make_once(prefix, make)


@pytest.fixture(scope="session")
def venv_archive(kernel_venv: Path, shared_directory: Path) -> Path:
    """That environment, packed."""
    archive = shared_directory / "archives" / "packed.tar.gz"
    pack = [f"{BIN}/yarnkernel", "env", "pack", str(kernel_venv), "-o", str(archive)]
    return make_once(archive, lambda: subprocess.run(pack, check=True, timeout=120))


@pytest.fixture
def stop_later(shell: Shell) -> Iterator[Callable[[str], str]]:
    """Note an application that is stopped when the test is over."""
    app_ids: list[str] = []

    def note(app_id: str) -> str:
        app_ids.append(app_id.strip())
        return app_ids[-1]

    yield note
    if app_ids:
        shell.yarnkernel("stop", "--force", *app_ids)
