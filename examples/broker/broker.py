"""The broker: serves its queues over a unix socket, and knows its clients by the contexts that the kernel vouches for.

Usage: broker.py SOCKET POLICY... A client sends a line of JSON for each wish and gets a line for each. The broker
writes its journal to standard output, a line of JSON for each event: audit records, and reasons, which are not for
clients. It loads its policy again on SIGHUP, and ends with its standard input.
"""

import asyncio
import json
import os
import signal
import sys

from queues import QueueError, Queues

from selbox import ObjectManager, PermissionDenied, SelboxError, current_context, peer_context

UNLABELLED = "system_u:system_r:broker_t:s0"
"""What the broker takes for its own context where there is none; it serves nobody there."""


class Broker:
    """Serves clients.

    Args:
        policy: policy files.
    """

    def __init__(self, policy: list[str]) -> None:
        self._manager = ObjectManager(*policy, audit=lambda record: journal(record=str(record)))
        try:
            own = current_context()
        except SelboxError:
            own = UNLABELLED
        self._queues = Queues(self._manager, own)
        journal(label=own)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client to its end."""
        try:
            subject = peer_context(writer.get_extra_info("socket"))
        except SelboxError as error:  # nobody vouches for the client: nothing is done for it
            subject = ""
            journal(refused=str(error))
        try:
            while line := await reader.readline():
                answer = self._answer(subject, line) if subject else {"error": "the broker does not know who you are"}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):  # the client has gone, or its line has no end
            pass
        finally:
            writer.close()

    def _answer(self, subject: str, line: bytes) -> dict[str, str]:
        try:
            return {"you": subject, **self._done(subject, json.loads(line))}
        except PermissionDenied as denied:
            journal(denied=denied.reason)
            return {"you": subject, "error": str(denied.strerror)}
        except (QueueError, SelboxError) as error:
            return {"you": subject, "error": str(error)}
        except (AttributeError, KeyError, TypeError, ValueError):
            return {
                "you": subject,
                "error": "a wish has `do` (create, publish, consume), `queue`, and may have `message`",
            }

    def _done(self, subject: str, wish: dict[str, str]) -> dict[str, str]:
        """Do what a client wishes. What it says about itself is not looked at."""
        name = str(wish["queue"])
        if wish["do"] == "create":
            return {"label": self._queues.create(subject, name)}
        if wish["do"] == "publish":
            return {"label": self._queues.publish(subject, name, str(wish["message"]))}
        if wish["do"] == "consume":
            label, message = self._queues.consume(subject, name)
            return {"label": label, "message": message}
        raise KeyError("do")

    async def reload(self) -> None:
        """Load the policy again; a wrong one is complained of, and the present one stays."""
        try:
            changed = await asyncio.to_thread(self._manager.reload_if_changed)
            journal(reloaded=changed)
        except SelboxError as error:
            journal(refused=str(error))


def journal(**event: object) -> None:
    """Write a line into the journal."""
    print(json.dumps(event), flush=True)


async def main(path: str, *policy: str) -> None:
    """Serve until standard input ends."""
    broker = await asyncio.to_thread(Broker, list(policy))
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps none of them

    def reload() -> None:
        task = loop.create_task(broker.reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_reader(sys.stdin.fileno(), ended.set)
    os.umask(0)  # by its mode, everyone may connect: the policy is what decides
    server = await asyncio.start_unix_server(broker.serve, path)
    journal(listening=path)
    async with server:
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
