"""Checks of the nodes: resources, labels, and whether they can be reached from here."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import TYPE_CHECKING, Any

from yarnkernel.deadline import Deadline
from yarnkernel.doctor.check import failed, ok, skipped, warning
from yarnkernel.errors import UnreachableError
from yarnkernel.hadoop.endless_calls import start_in_thread
from yarnkernel.hadoop.sockets import open_socket
from yarnkernel.kernels.options import DEFAULT_PARTITION
from yarnkernel.port_range import parse_ports
from yarnkernel.yarn.spec_changes import AM_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarnkernel.doctor.check import Check
    from yarnkernel.doctor.subject import Subject

#: Most nodes to try; of a thousand, the first ones are enough.
TRIED = 8
#: The port to try without --ports, as kernels then get ephemeral ports.
PORT = 40000
#: Seconds for one node; all are tried in parallel.
REACH_TIMEOUT = 4.0


def check_size(subject: Subject, deadline: Deadline) -> Check:
    """Check that a container of the requested size is possible, and available now."""
    with subject.client() as client:
        manager = client.resource_manager
        most = manager.largest_container(deadline.step(deadline.seconds))
        nodes = _of_label(manager.nodes(deadline.step(deadline.seconds)), _label(subject))
    found = f"at most {most.memory} MiB and {most.virtual_cores} vcores"
    if nodes:
        largest = max(node.capability.memory for node in nodes)
        found += f"; the largest of {len(nodes)} nodes has {largest} MiB"
    for name, memory, vcores in _asked(subject):
        found = f"{name} asks {memory} MiB and {vcores} vcores; {found}"
        if memory > most.memory or vcores > most.virtual_cores:
            fitting = most.memory - (AM_MEMORY if subject.options.memory else 0)
            why = f"{name} is larger than any container: YARN refuses it"
            return failed(found, why, f"--memory '{fitting} MiB' or less; --vcores")
        fit = [one for one in nodes if _has(one.capability, memory, vcores)]
        if nodes and not fit:
            return failed(found, f"no node is that large ({name}): it would wait", "less --memory")
        now = [node for node in fit if _has(node.capability, memory, vcores, node.used)]
        if nodes and not now:
            why = f"no node has so much free now ({name}): it would wait for others to end"
            return warning(found, why, "yarnkernel list, to see who has it; less --memory; or wait")
    return ok(found)


def _asked(subject: Subject) -> Iterator[tuple[str, int, int]]:
    spec = subject.specification
    parts = {"the kernel" if not spec.services else "the ApplicationMaster": spec.master}
    for name, part in {**parts, **spec.services}.items():
        yield name, part.resources.memory, part.resources.vcores


def _has(capability: Any, memory: int, vcores: int, used: Any = None) -> bool:
    free = capability.memory - (used.memory if used is not None else 0)
    free_cores = capability.virtual_cores - (used.virtual_cores if used is not None else 0)
    return bool(free >= memory and free_cores >= vcores)


def _label(subject: Subject) -> str:
    label = subject.specification.node_label
    return "" if label in (None, DEFAULT_PARTITION) else str(label)


def _of_label(nodes: list[Any], label: str) -> list[Any]:
    return [node for node in nodes if label in (list(node.node_labels) or [""])]


def check_labels(subject: Subject, deadline: Deadline) -> Check:
    """Check that nodes have the requested label and that the queue may use them."""
    spec, label = subject.specification, _label(subject)
    with subject.client() as client:
        nodes = client.resource_manager.nodes(deadline.step(deadline.seconds))
        queue = client.resource_manager.queue(spec.queue, deadline.step(deadline.seconds))
    counts = Counter(one for node in nodes for one in (list(node.node_labels) or [""]))
    told = ", ".join(f"{name or 'no label'} ({count})" for name, count in sorted(counts.items()))
    default = queue.defaultNodeLabelExpression.strip() if queue is not None else ""
    asked = label or ("" if spec.node_label is not None else default)
    found = f"asks {repr(asked) if asked else 'none'}; nodes by label: {told}"
    if asked and asked not in counts:
        whose = "" if label else f" (the queue {spec.queue} asks for it)"
        why = f"no node has the label {asked!r}{whose}: it would wait for ever"
        return failed(found, why, "--node-label LABEL, with one of these; '' for none")
    able = ["*"] if queue is None else [one.strip() for one in queue.accessibleNodeLabels]
    if asked and "*" not in able and asked not in able:
        why = f"the queue {spec.queue} may not use nodes with the label {asked!r}"
        return failed(found, why, "another --queue, or another --node-label")
    return ok(found)


def check_reach(subject: Subject, deadline: Deadline) -> Check:
    """Check that ports of the nodes can be reached from here, as a kernel's have to be."""
    cluster = subject.cluster
    if cluster.edge:
        return skipped(f"kernels are reached through {cluster.edge[-1]}, by ssh")
    with subject.client() as client:
        nodes = client.resource_manager.nodes(deadline.step(deadline.seconds))
    hosts = list(dict.fromkeys(node.nodeId.host for node in nodes))[:TRIED]
    ports = parse_ports(subject.options.ports)
    port = ports.first if ports else PORT
    step = Deadline(deadline.step(REACH_TIMEOUT))
    futures = {host: start_in_thread(partial(_knock, host, port, step)) for host in hosts}
    told = {}
    for host, future in futures.items():
        try:
            told[host] = future.result(step.step(step.seconds) + 1)
        except FutureTimeoutError:
            told[host] = "its name is not found in time"
    bad = {host: said for host, said in told.items() if said}
    found = f"port {port} of {', '.join(host for host in hosts if host not in bad) or 'none'}"
    if not bad:
        return ok(f"{found}: packets get there")
    why = "; ".join(f"{host}: {said}" for host, said in bad.items())
    todo = (
        "a firewall or DNS between: kernels' ports have to be open to this machine (--ports names "
        "them); or --host EDGE_NODE, by ssh"
    )
    return failed(found, why, todo) if len(bad) == len(told) else warning(found, why, todo)


def _knock(host: str, port: int, deadline: Deadline) -> str:
    """Return why a host cannot be reached; empty if it can, even if it refuses the connection."""
    try:
        open_socket((host, port), deadline).close()
    except ConnectionRefusedError:
        return ""
    except TimeoutError:
        return f"nothing comes back from port {port}"
    except UnreachableError as exc:
        return str(exc)
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""
