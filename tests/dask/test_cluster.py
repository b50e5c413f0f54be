"""Dask on a kernel's further containers: what it says is encrypted, and nothing of it stays."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from tests.conftest import REPOSITORY, own_processes, wait_for
from tests.support.containers import await_nothing_left, in_containers
from tests.support.documents import code_blocks
from tests.support.kernels import RECIPE, Kernel, start_kernel, write_spec
from tests.support.submissions import keys_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Shell

MAKE = """
import os, time
from dask.distributed import Client
from yarnkernel import containers
from yarnkernel.dask import YarnCluster
def tried(call):
    try:
        call()
    except Exception as exc:
        print(type(exc).__name__, exc)
"""
#: In a worker: its container, and the files of its container that are for its owner alone.
LOOK = """
def look():
    import os, stat
    private = [one for one in os.listdir() if os.stat(one).st_mode & 0o777 == 0o600]
    return os.environ["CONTAINER_ID"], sorted(private)
"""


def workers() -> list[psutil.Process]:
    """Processes of Dask's workers on this host."""
    found = []
    for process in own_processes():
        try:
            if "distributed.cli.dask_spec" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def answered(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  (http)
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code


def test_without_dask() -> None:
    code = "import sys; sys.modules['distributed'] = None; import yarnkernel.dask"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "pip install 'yarnkernel[dask]' in the kernel's environment" in ran.stderr


def test_cluster(shell: Shell, tmp_path: Path, stop_later: Callable[[str], str]) -> None:
    size = "{memory: 1 GiB, vcores: 1}"
    spec = write_spec(tmp_path, f"{RECIPE} --max-containers 4", resources=size)
    app_id, info = start_kernel(shell, spec)
    stop_later(app_id)
    with Kernel(info) as kernel:
        kernel.run(MAKE)
        arguments(kernel)
        (page,) = code_blocks(REPOSITORY / "docs" / "dask.rst", "python")
        assert kernel.run(page, timeout=150).startswith("4950\nhttp://127.0.0.1:")
        kernel.run("client.wait_for_workers(3, timeout=120); cluster.scale(cores=2)", timeout=150)
        wait_for(lambda: len(workers()) == 2, 60, "two workers of three")
        kernel.run(LOOK)
        assert kernel.run("sum(client.gather(client.map(lambda x: x + 1, range(100))))") == "5050"
        found = kernel.run("print(*client.run(look).values())")
        files = "['.yarnkernel.sh', 'dask-ca.pem', 'dask-cert.pem', 'dask-key.pem', "
        assert found.count(files + "'dask-worker.json']") == 2
        assert found.count(f"container{app_id.removeprefix('application')}_01_") == 2
        encryption(kernel, app_id)
        dashboard(kernel.run("print(cluster.dashboard_link)").strip())

        # One that is lost is replaced; why, is told.
        lost, kept = workers()
        lost.kill()
        wait_for(lambda: len({*workers()} - {lost, kept}) == 1, 60, "another worker")
        kernel.run("client.wait_for_workers(2, timeout=120)", timeout=150)
        told = kernel.run("print(cluster.get_logs(scheduler=False, workers=False)['Cluster'])")
        assert "it gets another one: container " in told
        assert "is ended with exit code 137" in told

        assert "4 containers that this kernel may have" in kernel.run(
            "tried(lambda: cluster.scale(5))"
        )
        # Adaptive: as many as there is work for, and then none.
        kernel.run("cluster.adapt(minimum=0, maximum=4, interval='200ms', wait_count=2)")
        slow = "client.gather(client.map(lambda x: time.sleep(0.5) or x, range(24), pure=False))"
        assert kernel.run(f"sum({slow})", timeout=120) == "276"
        wait_for(lambda: not workers(), 60, "no worker without work")
        kernel.run("cluster.close(); client.close()")

        waiting(kernel)
        # Its application is ended with a cluster at work.
        kernel.run("cluster = YarnCluster(n_workers=2, worker_memory='700 MiB')")
        wait_for(lambda: len(workers()) == 2, 60, "two workers")
    shell.yarnkernel("stop", app_id).ok()
    await_nothing_left(app_id)
    assert not workers()


def arguments(kernel: Kernel) -> None:
    """Those of dask-yarn's that are the kernel's here, and what can never be had."""
    for given, said in {
        "queue='small'": "UsageError queue: the scheduler is in this kernel, and workers are "
        "containers of its application; next: leave it out, or yarnkernel start --queue",
        "environment='env.tar.gz'": "or yarnkernel start --environment",
        "deploy_mode='remote'": "UsageError deploy_mode 'remote': the scheduler is always in",
        "nworkers=1": "TypeError YarnCluster has no argument 'nworkers'",
        "worker_memory='99 GiB'": "UsageError memory: 101376 MiB is more than the 8192 MiB",
        "worker_options={'x': {1}}": "UsageError worker_options: Object of type set",
        "n_workers=5": "UsageError 5 workers are more than the 4 containers",
    }.items():
        assert said in kernel.run(f"tried(lambda: YarnCluster({given}))"), given


def encryption(kernel: Kernel, app_id: str) -> None:
    """Mutual TLS, whose key is in no variable and no process list."""
    address = kernel.run("print(cluster.scheduler_address)").strip()
    assert address.startswith("tls://")
    assert "Error" in kernel.run(
        f"tried(lambda: Client('{address.replace('tls', 'tcp')}', timeout=5))"
    )
    for process in in_containers(app_id):
        try:
            shown = json.dumps([process.cmdline(), process.environ()])
        except psutil.Error:
            continue
        assert not keys_in(shown.replace("\\n", "\n").encode())


def dashboard(link: str) -> None:
    """For who has the link, and nobody else."""
    parts = urlsplit(link)
    root = f"{parts.scheme}://{parts.netloc}"
    assert parts.path.endswith("/status")
    assert len(parts.path) > len("/status") + 20
    assert answered(link) == 200
    assert answered(f"{root}/statics/js/sortable.min.js") == 200
    for page in ("/", "/status", "/sitemap.json", "/info/main/workers.html", "/health"):
        assert answered(root + page) == 404, page


def waiting(kernel: Kernel) -> None:
    """Two fit into the cluster, and why no more come is said."""
    kernel.run("cluster = YarnCluster(n_workers=4, worker_memory='3 GiB', security=False)")
    assert kernel.run("print(cluster.scheduler_address)").startswith("tcp://")
    kernel.run("cluster.wait_for_workers(2, timeout=120)", timeout=150)
    late = kernel.run("tried(lambda: cluster.wait_for_workers(4, timeout=2))")
    assert late.startswith("TimeoutError Only 2/4 workers arrived after 2; 2 of 4 workers wait")
    reason = "3072 MiB and 1 vcores are needed; the queue root.default has "
    assert reason in late
    assert reason in kernel.run("print(cluster)")
    assert reason in kernel.run("print(cluster._repr_html_())")
    kernel.run("cluster.close()")
    wait_for(lambda: not workers(), 60, "no worker of a cluster that is closed")
