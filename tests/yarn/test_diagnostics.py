"""YARN's diagnostics in fewer words, and requests that can never be met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarnkernel.yarn.diagnostics import condense, never_fits, too_large

if TYPE_CHECKING:
    from tests.conftest import Shell

#: Of Hadoop 3.5.0.
FAILED = """\
Application application_1795654945473_0018 failed 1 times (global limit =2; local limit is =1) due \
to AM Container for appattempt_1795654945473_0018_000001 exited with  exitCode: 7
Failing this attempt.Diagnostics: [2026-11-26 02:04:37.107]Exception from container-launch.
Container id: container_1795654945473_0018_01_000001
Exit code: 7

[2026-11-26 02:04:37.108]Container exited with a non-zero exit code 7. Error file: prelaunch.err.
Last 4096 bytes of prelaunch.err :


[2026-11-26 02:04:37.109]Container exited with a non-zero exit code 7. Error file: prelaunch.err.
Last 4096 bytes of prelaunch.err :
/tmp/x/launch_container.sh: line 41: source: environment/bin/activate: No such file

For more detailed output, check the application tracking page: \
http://localhost:1/cluster/app/application_1795654945473_0018 Then click on links to logs of each \
attempt.
. Failing the application."""
NOT_ACTIVATED = (
    "[Thu Nov 26 02:04:36 +0000 2026] Application is added to the scheduler and is not yet "
    "activated. Queue's AM resource limit exceeded.  Details : AM Partition = <DEFAULT_PARTITION>; "
    "AM Resource Request = <memory:1344, vCores:1>; Queue Resource Limit for AM = <memory:820, "
    "vCores:1>; User AM Resource Limit of the queue = <memory:820, vCores:1>; Queue AM Resource "
    "Usage = <memory:0, vCores:0>; "
)


def test_boilerplate_is_left_out() -> None:
    assert condense(FAILED) == (
        "its container ended with exit code 7\n"
        "/tmp/x/launch_container.sh: line 41: source: environment/bin/activate: No such file"
    )


def test_what_says_something_stays() -> None:
    for text in ("", "The kernel cannot be started", "Stopped by yarnkernel stop.", "a\nb"):
        assert condense(text) == text
    assert "killed by user me at 10.0.0.1" in condense("Application killed by user me at 10.0.0.1")


def test_limits_are_compared() -> None:
    assert "it asks for 1344 MiB, and its queue gives ApplicationMasters 820 MiB at most" in (
        never_fits(NOT_ACTIVATED, 0)
    )
    assert never_fits(NOT_ACTIVATED.replace("memory:820", "memory:8200"), 0) == ""
    assert never_fits("", 10**6) == ""


def test_too_large_for_a_container(shell: Shell) -> None:
    error = shell.yarnkernel("start", "--memory", "400 GiB", "--vcores", "99").error(1)
    assert (
        "it asks for 409900 MiB and 99 cores, and a container of this cluster has at most" in error
    )
    assert len(error.splitlines()) == 1
    assert too_large("Invalid resource request!") == ""


def test_too_large_for_a_queue(shell: Shell) -> None:
    start = ("start", "--queue", "small", "--memory", "3 GiB", "--timeout", "100")
    result = shell.yarnkernel(*start)
    error = result.error(1)
    assert (
        "cannot start in queue root.small as it is: it asks for 3372 MiB, and its queue has"
        in error
    )
    assert "next: less --memory, or another --queue" in error
    assert result.seconds < 60
    assert shell.yarnkernel("list", "--ids").ok().out == ""
