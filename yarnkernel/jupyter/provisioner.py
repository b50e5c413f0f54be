"""The kernel provisioner: every front end built on jupyter_client starts YARN kernels with it.

https://jupyter-client.readthedocs.io/en/stable/provisioning.html
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from yarnkernel.connection import ASKED_TO_RESTART, keys_of
from yarnkernel.errors import YarnKernelError
from yarnkernel.jupyter.agent_client import AgentClient, AgentError
from yarnkernel.jupyter.kernel_manager import (
    KernelLaunchError,
    choose_keys,
    forget_pending,
    is_of_server,
    launch_options,
)

if TYPE_CHECKING:
    import concurrent.futures

    from jupyter_client.connect import KernelConnectionInfo

    from yarnkernel.jupyter.agent_client import News

#: Seconds that a restart in place may take.
RESTART_TIMEOUT = 90.0
#: Seconds that a supervisor may take to interrupt a kernel.
INTERRUPT_TIMEOUT = 15.0
#: Seconds that an application has to end after its kernel was asked to, before it is killed.
END_GRACE = 5.0
#: Seconds in which an agent begins to watch a kernel, and in which it ends an application, or says
#: that it goes on trying.
WATCH_TIMEOUT, END_TIMEOUT = 60.0, 45.0
#: Seconds that a kernel has to live before an application that YARN has ended under it is
#: submitted again unasked: a crash must not become a row of them.
RELAUNCH_AFTER = 60.0
#: What jupyter_client itself gives to a provisioner.
_TRAITS = ("kernel_id", "kernel_spec", "parent", "connection_info", "config", "log")


class YarnProvisioner(KernelProvisionerBase):
    """Starts, watches, restarts and ends one kernel in a YARN application.

    What is in the kernelspec's ``metadata.kernel_provisioner.config`` are the
    fields of :class:`yarnkernel.kernels.options.LaunchOptions` and:

    ``allowed_envs`` : list of str
        Names of environment variables of the front end that travel to the kernel.
    ``keep`` : bool
        Whether a kernel goes on when its front end ends, so that it can be found
        again, for as long as the recipe's ``--orphan-timeout``. By default that
        of a server does when it is killed.
    """

    def __init__(self, **kwargs: Any) -> None:
        # All else is looked at when a kernel is started, where an error reaches the user.
        own = {name: kwargs.pop(name) for name in _TRAITS if name in kwargs}
        super().__init__(**own)
        self._config_values = kwargs
        self._app_id = ""
        self._info: dict[str, Any] = {}
        self._agent: AgentClient | None = None
        self._keep = self._ends_at_exit = False
        self._restarts = 0
        self._launched = 0.0
        self._alive = False
        self._exit_code = 1
        #: What is known of the application's end.
        self._ended: dict[str, Any] | None = None
        self._news: News = {}
        self._start: int | None = None
        self._user_restart = False
        self._final = self._restarting = False

    # --- what jupyter_client asks

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel."""
        return self._alive

    def resolve_path(self, path_str: str) -> str | None:  # noqa: ARG002
        """Paths are those of a node: none is known here."""
        return None

    def get_stable_start_time(self, recommended: float = 10.0) -> float:  # noqa: ARG002
        """A kernel that was published has started: its ports are kept from then on."""
        return 0.0

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Make ready to start; see jupyter_client."""
        kwargs = await super().pre_launch(**kwargs)
        return {"cmd": [], **kwargs}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:  # noqa: ARG002
        """Start a kernel, or restart it in place.

        Raises
        ------
        KernelLaunchError
            When it cannot be started; with YARN's diagnostics and the end of its log.
        """
        if self._final and self._restarting:
            # jupyter_client's restarter may take a kernel that is shut down for one that died.
            raise KernelLaunchError("the kernel has been shut down; it is not started again")
        unasked = self._restarting and not self._user_restart
        self._final = self._restarting = self._user_restart = False
        try:
            if self._app_id:
                await self._start_again(kwargs, unasked=unasked)
            else:
                await self._start_new(kwargs)
        except YarnKernelError as exc:
            forget_pending(self.parent, self.kernel_id)
            raise KernelLaunchError(str(exc)) from None
        except BaseException:
            forget_pending(self.parent, self.kernel_id)
            raise
        self._alive = True
        return self._connection_info()

    async def poll(self) -> int | None:
        """Return None while the kernel lives: what is known, without a question to anybody."""
        if self._agent is not None and self._agent.ended and self._app_id and not self._ended:
            self._listen()
            self._agent.request("watch", WATCH_TIMEOUT, app_id=self._app_id, keep=self._keep)
        return self._exit_code if self._has_died() else None

    async def wait(self) -> int | None:
        """Take note that the kernel has ended, as :meth:`poll` has told."""
        self._alive = False
        return self._exit_code

    async def send_signal(self, signum: int) -> None:
        """Interrupt the kernel; other signals cannot be sent."""
        if signum == signal.SIGINT and self._app_id and self._agent is not None:
            _, answer = self._agent.request(
                "interrupt", INTERRUPT_TIMEOUT, app_id=self._app_id, timeout=INTERRUPT_TIMEOUT
            )
            answer.add_done_callback(self._log_failure)

    async def kill(self, restart: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Take the kernel for dead: whether it ends or restarts, :meth:`cleanup` alone knows."""
        self._alive = False

    async def terminate(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002
        """Leave it the second half of its time: there is no harder way but the last one."""

    async def shutdown_requested(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002
        """Note what the kernel was asked for a moment ago."""
        if restart:
            # The supervisor restarts it, however it ends.
            self._user_restart = True
            self._alive = False
        else:
            self._final = True

    async def cleanup(self, restart: bool = False) -> None:  # noqa: FBT001, FBT002
        """End the application unless the kernel is going to be restarted; idempotent."""
        self._alive = False
        if restart:
            self._restarting = True
            return
        self._final = True
        if self._start is not None and self._agent is not None:
            self._agent.request("cancel", END_TIMEOUT, start=self._start)
        if not self._app_id:
            return
        app_id, self._app_id = self._app_id, ""
        try:
            agent = self._current_agent()
            agent.listen(app_id, None)
            grace = END_GRACE if self._has_died() else 0.0
            try:
                outcome = await agent.ask("end", grace + END_TIMEOUT, app_id=app_id, grace=grace)
            except AgentError:
                if not agent.ended:
                    raise
                # It hung, or was killed: another one can do it.
                agent = self._current_agent()
                outcome = await agent.ask("end", END_TIMEOUT, app_id=app_id, grace=0.0)
            self.log.info("%s %s", app_id, outcome)
        except (YarnKernelError, OSError) as exc:
            self.log.warning("%s may still run: %s; next: yarnkernel stop %s", app_id, exc, app_id)

    async def get_provisioner_info(self) -> dict[str, Any]:
        """Return what another process needs to go on with this kernel."""
        info = await super().get_provisioner_info()
        info["connection_info"] = self._info
        own = {"application_id": self._app_id, "restarts": self._restarts, "keep": self._keep}
        return {**info, **own}

    async def load_provisioner_info(self, provisioner_info: dict[str, Any]) -> None:
        """Go on with a kernel that another process has started."""
        await super().load_provisioner_info(provisioner_info)
        self._app_id = provisioner_info["application_id"]
        self._info = provisioner_info["connection_info"]
        self._restarts, self._keep = provisioner_info["restarts"], provisioner_info["keep"]
        self.connection_info = self._connection_info()
        self._alive, self._launched = True, time.monotonic()
        self._listen()
        await self._current_agent().ask(
            "watch", WATCH_TIMEOUT, app_id=self._app_id, keep=self._keep
        )

    # --- how

    def _connection_info(self) -> KernelConnectionInfo:
        return cast("KernelConnectionInfo", {**self._info, "key": self._info["key"].encode()})

    def _current_agent(self) -> AgentClient:
        self._agent = AgentClient.shared()
        return self._agent

    def _listen(self) -> None:
        agent = self._current_agent()
        agent.listen(self._app_id, self._take_news)
        if self._ends_at_exit:
            agent.end_at_exit(self._app_id)

    def _take_news(self, message: News) -> None:
        """Take note of what the agent tells; called in its thread."""
        if "ended" in message:
            self._ended = message["ended"]
            if not self._final:
                text = f"{self._ended['outcome']} {self._ended['diagnostics']}".strip()
                self.log.warning("%s has ended: %s", message["app_id"], text or "YARN lost it")
            return
        news, known = message["kernel"], self._news
        self._news = news
        if news["exit_code"] is not None:
            self._exit_code = int(news["exit_code"])
        died = news["restarts"] > known.get("restarts", 0) or news["state"] == "ended"
        if died and not self._final and not news["last_end"].startswith(ASKED_TO_RESTART):
            self.log.warning("%s: the kernel %s", message["app_id"], news["last_end"])

    def _has_died(self) -> bool:
        return (
            self._ended is not None
            or self._news.get("state") == "ended"
            or self._news.get("restarts", 0) > self._restarts
        )

    def _log_failure(self, answer: concurrent.futures.Future[Any]) -> None:
        if not answer.cancelled() and (error := answer.exception()) is not None:
            # A kernel that was asked to end may be gone before it is interrupted.
            log = self.log.debug if self._final else self.log.warning
            log("%s", error)

    async def _start_new(self, kwargs: dict[str, Any]) -> None:
        options, keep = launch_options(self.parent, self.kernel_spec, self._config_values, kwargs)
        self._keep = is_of_server(self.parent) if keep is None else keep
        recipe_options = ["--owned"]
        if kwargs.get("cwd"):
            recipe_options += ["--prefer-directory", os.path.abspath(kwargs["cwd"])]  # noqa: PTH100, ASYNC240  (asks nobody)
        # The keys that it had, so that open connections keep theirs.
        keys = keys_of(self._info) or choose_keys(self.parent)
        agent = self._current_agent()
        self._start, answer = agent.request(
            "start",
            options.timeout + END_TIMEOUT,
            self.log.info,
            options=options.to_dict(),
            recipe_options=recipe_options,
            keys=keys,
            keep=self._keep,
        )
        try:
            found = await asyncio.wrap_future(answer)
        except BaseException:
            agent.request("cancel", END_TIMEOUT, start=self._start)
            raise
        finally:
            start, self._start = self._start, None
        if self._final:
            agent.request("cancel", END_TIMEOUT, start=start)
            raise YarnKernelError("the kernel was shut down while it started")
        if self._info and keys_of(self._info) != keys_of(found["connection_info"]):
            self.log.warning("the kernel has new keys: what is open has to be opened again")
        self._app_id, self._info = found["app_id"], found["connection_info"]
        self._restarts, self._news, self._ended = 0, {}, None
        self.log.info("%s kernel is ready on %s", self._app_id, self._info["ip"])
        self._launched = time.monotonic()
        self._ends_at_exit = keep is None
        self._listen()

    async def _start_again(self, kwargs: dict[str, Any], *, unasked: bool) -> None:
        """Restart in place; submit another application when the container is gone."""
        app_id = self._app_id
        if self._ended is None and self._news.get("state") != "ended":
            try:
                answer = await self._current_agent().ask(
                    "restart",
                    RESTART_TIMEOUT,
                    app_id=app_id,
                    restarts=self._restarts,
                    timeout=RESTART_TIMEOUT,
                )
            except AgentError as exc:
                self.log.warning("no restart in place: %s", exc)
            else:
                if self._final:
                    raise YarnKernelError("the kernel was shut down while it restarted")
                self._restarts = answer["restarts"]
                self.log.info("%s: the kernel was restarted in place", app_id)
                return
        if unasked and not self._may_relaunch():
            # Still dead: the restarter tells the front end so when it has tried often enough.
            return
        agent = self._current_agent()
        agent.listen(app_id, None)
        await agent.ask("end", END_TIMEOUT, app_id=app_id, grace=0.0)
        self.log.info("%s is gone; starting another application", app_id)
        await self._start_new(kwargs)

    def _may_relaunch(self) -> bool:
        """Whether YARN took the container away, or the kernel quit, and not a moment ago."""
        lost = self._ended is not None and self._ended["lost"]
        quit_itself = self._news.get("state") == "ended" and self._exit_code == 0
        return (lost or quit_itself) and time.monotonic() - self._launched > RELAUNCH_AFTER
