"""Commands about the local cluster: cluster start, stop, status, env."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from yarnkernel.arguments import add_timeout, count
from yarnkernel.cli.arguments import Commands, add_command
from yarnkernel.cli.output import TransferBar, add_output_options
from yarnkernel.errors import LocalClusterError
from yarnkernel.local.options import HADOOP_VERSIONS, PROTECTIONS, ClusterOptions
from yarnkernel.local.state import DEFAULT_NAME, ClusterState, list_states, read_state
from yarnkernel.sizes import parse_memory

if TYPE_CHECKING:
    from yarnkernel.cli.output import Output


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    group = commands.add_parser(
        "cluster",
        help="run a real YARN on this machine",
        description="Run a real YARN on this machine: ResourceManager and NodeManagers, on the "
        "loopback interface, without root. Everybody with an account here can use it as you: it "
        "is for a machine of your own.",
    )
    verbs = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    parser = add_command(verbs, "start", _start, "start a local cluster")
    _add_name(parser)
    parser.add_argument(
        "--nodemanagers", type=count, default=1, metavar="N", help="how many (default: 1)"
    )
    parser.add_argument(
        "--hdfs",
        action="store_true",
        help="use HDFS (NameNode and DataNode), not local directories",
    )
    parser.add_argument(
        "--memory",
        default="8 GiB",
        help='what the containers of one NodeManager may use, such as "4 GiB" (default: 8 GiB)',
    )
    parser.add_argument(
        "--vcores", type=count, default=8, help="virtual cores of one NodeManager (default: 8)"
    )
    parser.add_argument(
        "--ha",
        action="store_true",
        help="start two ResourceManagers and a ZooKeeper; one takes over when the other ends",
    )
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another setting of yarn-site.xml, for all daemons; may be given several times",
    )
    parser.add_argument(
        "--hadoop-version",
        choices=HADOOP_VERSIONS,
        default=HADOOP_VERSIONS[0],
        help=f"{' or '.join(HADOOP_VERSIONS)} (default: %(default)s)",
        metavar="VERSION",
    )
    parser.add_argument(
        "--kerberos",
        action="store_true",
        help="start a KDC too, and believe nobody without a ticket or a token",
    )
    parser.add_argument(
        "--rpc-protection",
        default=PROTECTIONS[0],
        help=f"of messages: {', '.join(PROTECTIONS)}; or several with commas between, which "
        "clients choose from (default: %(default)s)",
        metavar="WORDS",
    )
    parser.add_argument(
        "--repository",
        metavar="URL",
        help="Maven repository for Hadoop's artefacts (default: $YARNKERNEL_MAVEN_URL, else "
        "Maven Central)",
    )
    add_timeout(parser, "how long the daemons may take to be ready", 90.0)

    parser = add_command(
        verbs, "stop", _stop, "end a local cluster, its containers and remove its files"
    )
    _add_name(parser)

    parser = add_command(verbs, "status", _status, "show daemons, ports, memory and applications")
    parser.add_argument("--name", help="of the cluster (default: all clusters)")

    parser = verbs.add_parser(
        "env",
        help="print what a shell needs to use a local cluster",
        description="Print what a shell needs to use a local cluster: "
        'eval "$(yarnkernel cluster env)"',
    )
    parser.set_defaults(run=_env)
    add_output_options(parser)
    _add_name(parser)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name.strip(), value


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="of the cluster (default: %(default)s)"
    )


def _start(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.local.cluster import start_cluster  # noqa: PLC0415
    from yarnkernel.local.status import cluster_status  # noqa: PLC0415

    memory = parse_memory(options.memory)
    with TransferBar(output) as bar:
        state = start_cluster(
            options.name,
            ClusterOptions(
                nodemanagers=options.nodemanagers,
                hdfs=options.hdfs,
                memory=memory,
                vcores=options.vcores,
                hadoop_version=options.hadoop_version,
                kerberos=options.kerberos,
                rpc_protection=options.rpc_protection,
                ha=options.ha,
                settings=dict(options.set),
            ),
            report=output.progress,
            progress=bar,
            repository=options.repository,
            timeout=options.timeout,
        )
    name = "" if options.name == DEFAULT_NAME else f" --name {options.name}"
    output.progress(f'next: eval "$(yarnkernel cluster env{name})"')
    if output.as_json:
        output.result("", cluster_status(state))


def _stop(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.local.cluster import stop_cluster  # noqa: PLC0415

    stopped = stop_cluster(options.name, report=output.progress)
    if not stopped:
        output.progress(f"no local cluster {options.name} to stop")
    if output.as_json:
        output.result("", {"name": options.name, "stopped": stopped})


def _wanted(name: str | None) -> list[ClusterState]:
    if name is None:
        return list_states()
    state = read_state(name)
    if state is None:
        hint = "" if name == DEFAULT_NAME else f" --name {name}"
        raise LocalClusterError(
            f"there is no local cluster {name}; next: yarnkernel cluster start{hint}"
        )
    return [state]


def _status(options: argparse.Namespace, output: Output) -> None:
    from yarnkernel.local.status import cluster_status  # noqa: PLC0415

    found = [cluster_status(state) for state in _wanted(options.name)]
    if output.as_json:
        output.result("", found)
        return
    if not found:
        output.progress("no local cluster; next: yarnkernel cluster start")
    for status in found:
        running = "running" if status["running"] else "not running"
        kind = "HDFS" if status["hdfs"] else "viewfs over local directories"
        kind += ", Kerberos" if status["kerberos"] else ""
        lines = [f"cluster {status['name']}: {running}, Hadoop {status['hadoop']}, {kind}"]
        lines += [f"  web page    {status['web']}", f"  directory   {status['directory']}"]
        for what, unit, suffix in (("memory", 1 << 20, " MiB"), ("vcores", 1, "")):
            used, total = status[what]["used"], status[what]["total"]
            room = "-" if total is None else f"{used // unit} of {total // unit}{suffix} used"
            lines.append(f"  {what:<11} {room}")
        lines.append("  daemons")
        for daemon in status["daemons"]:
            state = "running" if daemon["running"] else "ended"
            rss = f"{daemon['memory'] / 2**20:.0f} MiB"
            ha = daemon["ha_state"] or ""
            line = f"    {daemon['name']:<18} {state:<8} pid {daemon['pid']:<8} {rss:<8} {ha}"
            lines.append(line.rstrip())
        lines.append("  ports")
        lines += [f"    {use:<33} {port}" for use, port in status["ports"].items()]
        lines.append(f"  applications: {len(status['applications'])}")
        lines += [
            f"    {app['id']}  {app['state']:<9} {app['queue']:<10} "
            f"{app['memory'] >> 20} MiB  {app['name']}"
            for app in status["applications"]
        ]
        output.result("\n".join(lines))


def _env(options: argparse.Namespace, output: Output) -> None:
    (state,) = _wanted(options.name)
    missing = state.missing_daemons()
    if missing:
        raise LocalClusterError(
            f"cluster {state.name} does not run ({', '.join(missing)} ended); "
            f"next: yarnkernel cluster start --name {state.name}"
        )
    variables = state.environment()
    lines = [
        f"export {name}={shlex.quote(value)}" for name, value in variables.items() if name != "PATH"
    ]
    # The shell's PATH may differ from ours.
    lines.append(f'export PATH={shlex.quote(str(state.bin_dir))}:"$PATH"')
    output.result("\n".join(lines), variables)
