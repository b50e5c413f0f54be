"""The kernel provisioner, by which all front ends built on jupyter_client start kernels.

https://jupyter-client.readthedocs.io/en/stable/provisioning.html
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from yarnkernel.connection import keys_of
from yarnkernel.errors import YarnKernelError
from yarnkernel.jupyter.agent_client import AgentClient, AgentError
from yarnkernel.jupyter.kernel_manager import (
    KernelLaunchError,
    choose_keys,
    forget_pending,
    give_up_restarts,
    is_of_server,
    launch_options,
)
from yarnkernel.jupyter.known import KnownKernel
from yarnkernel.jupyter.lifecycle import Lifecycle
from yarnkernel.jupyter.messages import Cancel, End, Interrupt, KernelNews, Restart, Start, Watch
from yarnkernel.jupyter.notebook_files import NotebookFiles
from yarnkernel.progress import Progress
from yarnkernel.shared_directory import identify, resolve

if TYPE_CHECKING:
    import concurrent.futures

    from jupyter_client.connect import KernelConnectionInfo

    from yarnkernel.jupyter.messages import News

#: Seconds for a restart in place.
RESTART_TIMEOUT = 90.0
#: Seconds for a supervisor to interrupt a kernel.
INTERRUPT_TIMEOUT = 15.0
#: Seconds for an application to end after its kernel was asked to, before it is killed.
END_GRACE = 5.0
#: Seconds for an agent to begin to watch a kernel, and to end an application or answer that it goes
#: on trying.
WATCH_TIMEOUT, END_TIMEOUT = 60.0, 45.0
#: What jupyter_client itself passes to a provisioner.
_TRAITS = ("kernel_id", "kernel_spec", "parent", "connection_info", "config", "log")


class YarnProvisioner(KernelProvisionerBase):
    """Starts, watches, restarts and ends one kernel in a YARN application.

    The kernelspec's ``metadata.kernel_provisioner.config`` contains fields of
    :class:`yarnkernel.kernels.options.LaunchOptions` and:

    ``allowed_envs`` : list of str
        Names of the front end's environment variables that are forwarded to the kernel.
    ``keep`` : bool
        Whether a kernel keeps running when its front end ends, so that it can be found again, for
        as long as the recipe's ``--orphan-timeout``. By default a server's kernels do so if the
        server is killed.
    """

    def __init__(self, **kwargs: Any) -> None:
        # The rest is checked when a kernel is started, as an error reaches the user there.
        own = {name: kwargs.pop(name) for name in _TRAITS if name in kwargs}
        super().__init__(**own)
        self._config_values = kwargs
        self._life = Lifecycle()
        self._agent: AgentClient | None = None
        #: The number of a start that is under way.
        self._start: int | None = None
        self._kernel = ""
        self._info: dict[str, Any] = {}
        self._known = KnownKernel()
        #: The identification of the notebook's directory at the start.
        self._directory = ""
        self._files = NotebookFiles()
        #: What happens to the kernel when the front end ends.
        self._keep = self._ends_at_exit = False

    # --- jupyter_client's interface

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return self._life.has_process

    def resolve_path(self, path_str: str) -> str | None:
        """Return the path here of a file in the kernel's directory, if both hosts share that."""
        news = self._known.news
        is_shared = news is not None and news.directory == self._directory
        return resolve(path_str, self._directory) if self._directory and is_shared else None

    def get_stable_start_time(self, recommended: float = 10.0) -> float:  # noqa: ARG002
        """Return 0, as a published kernel has started and keeps its ports."""
        return 0.0

    def get_shutdown_wait_time(self, recommended: float = 5.0) -> float:
        """Return the time for a kernel to shut down its children, such as Spark's JVM."""
        news = self._known.news
        return max(recommended, news.time_to_end if news is not None else 0.0)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Prepare a start; see jupyter_client."""
        kwargs = await super().pre_launch(**kwargs)
        return {"cmd": [], **kwargs}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:  # noqa: ARG002
        """Start a kernel, or restart it in place.

        Raises
        ------
        KernelLaunchError
            When it cannot be started; with YARN's diagnostics and the end of its log.
        """
        if self._life.is_revoked:
            # jupyter_client's restarter may think that a kernel that is shut down has died.
            raise KernelLaunchError("the kernel has been shut down; it is not started again")
        unasked = self._life.launch()
        try:
            if self._kernel:
                await self._start_again(kwargs, unasked=unasked)
            else:
                await self._start_new(kwargs)
        except YarnKernelError as exc:
            self._has_failed()
            raise KernelLaunchError(str(exc)) from None
        except BaseException:
            self._has_failed()
            raise
        self._life.launched()
        return self._connection_info()

    async def poll(self) -> int | None:
        """Return None while the kernel lives, from what is known and without a query."""
        if self._agent is not None and self._agent.ended and self._kernel and not self._known.ended:
            self._listen()
            self._agent.request(Watch(self._kernel, self._keep), WATCH_TIMEOUT)
        if not self._known.died:
            return None
        if self._known.ended_on_purpose:
            give_up_restarts(self.parent)
        return self._known.exit_code

    async def wait(self) -> int | None:
        """Note that the kernel has ended, as :meth:`poll` has reported."""
        self._life.taken_for_dead()
        return self._known.exit_code

    async def send_signal(self, signum: int) -> None:
        """Interrupt the kernel; other signals cannot be sent."""
        if signum == signal.SIGINT and self._kernel and self._agent is not None:
            interrupt = Interrupt(self._kernel, INTERRUPT_TIMEOUT)
            _, answer = self._agent.request(interrupt, INTERRUPT_TIMEOUT)
            answer.add_done_callback(self._log_failure)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Consider the kernel dead: only :meth:`cleanup` knows whether it ends or restarts."""
        self._life.taken_for_dead()

    async def terminate(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002
        """Do nothing, so that it has the rest of its time: only killing would be stronger."""

    async def shutdown_requested(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002
        """Note what the kernel has just been asked for."""
        if restart:
            # The supervisor restarts it, however it ends.
            self._life.asked_to_restart()
        else:
            self._life.asked_to_end()

    async def cleanup(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002
        """End the application unless the kernel is going to be restarted; idempotent."""
        if restart:
            self._life.to_be_launched_again()
            return
        self._life.cleaned_up()
        if self._start is not None and self._agent is not None:
            self._agent.request(Cancel(self._start), END_TIMEOUT)
        if not self._kernel:
            return
        kernel, self._kernel = self._kernel, ""
        try:
            agent = self._current_agent()
            agent.listen(kernel, None)
            grace = END_GRACE if self._known.died else 0.0
            try:
                end = await agent.ask(End(kernel, grace), grace + END_TIMEOUT)
            except AgentError:
                if not agent.ended:
                    raise
                # It hung or was killed: another one can do it.
                agent = self._current_agent()
                end = await agent.ask(End(kernel, 0.0), END_TIMEOUT)
            self.log.info("%s %s", kernel, end.outcome)
        except (YarnKernelError, OSError) as exc:
            self.log.warning("%s may still run: %s; next: yarnkernel stop %s", kernel, exc, kernel)

    async def get_provisioner_info(self) -> dict[str, Any]:
        """Return what another process needs to continue with this kernel."""
        info = await super().get_provisioner_info()
        info["connection_info"] = self._info
        own = {"application_id": self._kernel, "restarts": self._known.restarts, "keep": self._keep}
        return {**info, **own, "directory": self._directory, "files": self._files.directory}

    async def load_provisioner_info(self, provisioner_info: dict[str, Any]) -> None:
        """Continue with a kernel that another process has started."""
        await super().load_provisioner_info(provisioner_info)
        self._kernel = provisioner_info["application_id"]
        self._info = provisioner_info["connection_info"]
        self._known = KnownKernel(provisioner_info["restarts"])
        self._keep = provisioner_info["keep"]
        self._directory = provisioner_info.get("directory", "")
        self._files = NotebookFiles(provisioner_info.get("files", ""))
        self.connection_info = self._connection_info()
        self._life.launched()
        self._listen()
        await self._current_agent().ask(Watch(self._kernel, self._keep), WATCH_TIMEOUT)

    # --- implementation

    def _connection_info(self) -> KernelConnectionInfo:
        return cast("KernelConnectionInfo", {**self._info, "key": self._info["key"].encode()})

    def _current_agent(self) -> AgentClient:
        self._agent = AgentClient.shared()
        return self._agent

    def _listen(self) -> None:
        agent = self._current_agent()
        agent.listen(self._kernel, self._take_news)
        if self._ends_at_exit:
            agent.end_at_exit(self._kernel)

    def _take_news(self, message: News) -> None:
        """Record a message of the agent; called in the thread that reads from it."""
        if isinstance(message, KernelNews):
            self._files.take(message, self._agent)
        if warning := self._known.take(message, is_final=self._life.is_final):
            self.log.warning("%s: %s", message.kernel, warning)

    def _has_failed(self) -> None:
        self._life.failed()
        forget_pending(self.parent, self.kernel_id)

    def _log_failure(self, answer: concurrent.futures.Future[Any]) -> None:
        if not answer.cancelled() and (error := answer.exception()) is not None:
            # A kernel that was asked to end may be gone before it is interrupted.
            log = self.log.debug if self._life.is_final else self.log.warning
            log("%s", error)

    def _tell(self, progress: Progress) -> None:
        self.log.info("%s", progress)

    async def _start_new(self, kwargs: dict[str, Any]) -> None:
        options, keep = launch_options(self.parent, self.kernel_spec, self._config_values, kwargs)
        self._keep = is_of_server(self.parent) if keep is None else keep
        recipe_options = ["--owned"]
        if kwargs.get("cwd") or options.with_notebook_dir:
            directory = os.path.abspath(kwargs.get("cwd") or ".")  # noqa: PTH100, ASYNC240  (asks nobody)
            self._directory = identify(directory)
            self._files = NotebookFiles(directory if options.with_notebook_dir else "")
            recipe_options += ["--prefer-directory", directory]
        # The previous keys, so that open connections stay valid.
        keys = keys_of(self._info) or choose_keys(self.parent)
        agent = self._current_agent()
        start = Start(options.to_dict(), recipe_options, keys, self._keep)
        self._start, answer = agent.request(start, options.timeout + END_TIMEOUT, self._tell)
        try:
            found = await asyncio.wrap_future(answer)
        except BaseException:
            agent.request(Cancel(self._start), END_TIMEOUT)
            raise
        finally:
            number, self._start = self._start, None
        if self._life.is_final:
            agent.request(Cancel(number), END_TIMEOUT)
            raise YarnKernelError("the kernel was shut down while it started")
        if self._info and keys_of(self._info) != keys_of(found.connection_info):
            self.log.warning("the kernel has new keys: clients have to reconnect")
        self._kernel, self._info = found.kernel, found.connection_info
        self._known = KnownKernel()
        self._tell(Progress("ready", kernel=self._kernel, place=self._info["ip"]))
        self._ends_at_exit = keep is None
        self._listen()

    async def _start_again(self, kwargs: dict[str, Any], *, unasked: bool) -> None:
        """Restart in place, or submit another application if the container is gone."""
        kernel = self._kernel
        if self._known.ended is None and not self._known.quit:
            restart = Restart(kernel, self._known.restarts, RESTART_TIMEOUT)
            try:
                answer = await self._current_agent().ask(restart, RESTART_TIMEOUT)
            except AgentError as exc:
                self.log.warning("no restart in place: %s", exc)
            else:
                if self._life.is_final:
                    raise YarnKernelError("the kernel was shut down while it restarted")
                self._known.restarts = answer.restarts
                self.log.info("%s: the kernel was restarted in place", kernel)
                return
        if unasked and not self._known.may_relaunch:
            # It stays dead: the restarter, if there is one, reports that to the front end.
            return
        agent = self._current_agent()
        agent.listen(kernel, None)
        await agent.ask(End(kernel, 0.0), END_TIMEOUT)
        self.log.info("%s is gone; starting another application", kernel)
        await self._start_new(kwargs)
