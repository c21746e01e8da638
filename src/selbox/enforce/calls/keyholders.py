"""Which keyrings a task has: of its thread, its process, its session and its user.

A session's keyring is inherited at fork and kept at exec, like a label, and is carried with it. Those of threads and
processes end with them and at exec, which a number in the state shows: fork copies it, exec drops it.

Source: the kernel's ``security/keys/process_keys.c``.
"""

import errno
import os
from collections.abc import Iterator

from selbox.enforce.box import Box
from selbox.enforce.caller import Caller
from selbox.enforce.credentials import Credentials, own_credentials
from selbox.enforce.keyrings import ALL, KEYRING, LINK, POSSESSOR, READ, SETATTR, USER, VIEW, Found, Key, Keys
from selbox.enforce.tasks import processes, start_of_process, thread_group
from selbox.typing import Final

THREAD, PROCESS, SESSION, OF_USER, OF_USERS_SESSION = -1, -2, -3, -4, -5
_GROUP, _AUTHORITY, _REQUESTER = -6, -7, -8

_OF_SESSION: Final = ALL << POSSESSOR | (VIEW | READ) << USER
_OF_NAMED_SESSION: Final = _OF_SESSION | LINK << USER
_OF_TASK: Final = ALL << POSSESSOR | VIEW << USER
_OF_A_USER: Final = (ALL & ~SETATTR) << POSSESSOR | ALL << USER
_MOST_HOLDERS: Final = 1 << 16
_MOST_SESSIONS: Final = 1 << 17
"""Each is in a state of tasks, and those are kept as long as the box."""
_FEW: Final = 64
"""Keyrings of sessions and tasks that may be left over before somebody looks who still has them."""

_Place = tuple[int, int, int]


class KeyHolders:
    """Finds and makes the keyrings of tasks."""

    def __init__(self, box: Box, keys: Keys) -> None:
        self._box = box
        self._keys = keys
        self._of_tasks: dict[_Place, Key] = {}
        self._of_users: dict[tuple[int, bool], Key] = {}
        self._sessions: dict[int, Key] = {}
        self._holders = 0
        self._joined = 0
        self._look_at = _FEW

    def credentials(self, caller: Caller) -> Credentials:
        """Return who a caller is."""
        return caller.credentials or own_credentials()

    def label_of_new(self, caller: Caller) -> int:
        """Return the label of a key that a caller makes (kernel: ``selinux_key_alloc``)."""
        return caller.state.next_labels.key_create_sid or caller.state.sid

    def ring(self, caller: Caller, special: int, *, creates: bool) -> Found:
        """Return one of a caller's own keyrings.

        Raises:
            OSError: ENOKEY when there is none, EINVAL for a number that means none.
        """
        if special in (THREAD, PROCESS):
            return self._of_task(caller, special, creates=creates)
        if special == SESSION:
            return self._of_session(caller, creates=creates)
        if special in (OF_USER, OF_USERS_SESSION):
            return Found(self._of_user(caller, is_session=special == OF_USERS_SESSION), True)
        number = errno.ENOKEY if special in (_AUTHORITY, _REQUESTER) else errno.EINVAL
        raise OSError(number, os.strerror(number))

    def searched(self, caller: Caller) -> Iterator[Found]:
        """Return the keyrings in which a caller's keys are looked for, in their order."""
        for special in (THREAD, PROCESS):
            key = self._known(caller, special)
            if key is not None:
                yield Found(key, True)
        session = self._session(caller)
        yield Found(self._of_user(caller, is_session=True) if session is None else session, True)

    def join(self, caller: Caller, name: bytes | None) -> Key:
        """Give a caller a new session, or one with a name that another one made."""
        if name is None:
            return self._new_session(caller, b"_ses", _OF_SESSION)
        return self._new_session(caller, name, _OF_NAMED_SESSION)

    def enter(self, tid: int, session: Key) -> None:
        """Have a task's process be in a session."""
        state = self._box.tasks.state_of(tid)
        if state is not None and state.session_keyring != session.serial:
            self._box.tasks.set_state(tid, state._replace(session_keyring=session.serial))

    def session_of(self, serial: int) -> Key | None:
        """Return a session's keyring by its number; None for one that is not there."""
        try:
            return self._keys.find(serial) if serial else None
        except OSError:
            return None

    def _session(self, caller: Caller) -> Key | None:
        state = self._box.tasks.state_of(caller.tid)
        return self.session_of(state.session_keyring if state is not None else 0)

    def _of_session(self, caller: Caller, *, creates: bool) -> Found:
        session = self._session(caller)
        of_user = self._of_user(caller, is_session=True)
        if session is None or (session is of_user and creates):
            if creates:
                session = self.join(caller, None)
            else:
                session = of_user
                self.enter(caller.tid, session)
        return Found(session, True)

    def _new_session(self, caller: Caller, name: bytes, permissions: int) -> Key:
        if self._joined >= _MOST_SESSIONS:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        self._joined += 1
        session = self._make(caller, name, permissions)
        self._sessions[session.serial] = session
        self.enter(caller.tid, session)
        return session

    def _make(self, caller: Caller, name: bytes, permissions: int) -> Key:
        if len(self._sessions) + len(self._of_tasks) >= self._look_at:
            self._forget_ended()
            self._look_at = _FEW + 2 * (len(self._sessions) + len(self._of_tasks))
        who = self.credentials(caller)
        key = self._keys.make(KEYRING, name, (who.user, who.group), permissions, self.label_of_new(caller))
        key.is_root = True
        return key

    def _of_user(self, caller: Caller, *, is_session: bool) -> Key:
        user = self.credentials(caller).user
        key = self._of_users.get((user, is_session))
        if key is None:
            key = self._make(caller, b"_uid%s.%d" % (b"_ses" if is_session else b"", user), _OF_A_USER)
            self._of_users[user, is_session] = key
            if is_session:
                self._keys.link(key, self._of_user(caller, is_session=False))
        return key

    # --- Threads and processes --------------------------------------------------------------------------------------

    def _place(self, caller: Caller, special: int) -> _Place:
        task = caller.tid if special == THREAD else thread_group(caller.tid)
        state = self._box.tasks.state_of(caller.tid)
        return (state.key_holder if state is not None else 0), task, start_of_process(task)

    def _known(self, caller: Caller, special: int) -> Key | None:
        return self._of_tasks.get(self._place(caller, special))

    def _of_task(self, caller: Caller, special: int, *, creates: bool) -> Found:
        key = self._known(caller, special)
        if key is None:
            if not creates:
                raise OSError(errno.ENOKEY, os.strerror(errno.ENOKEY))
            key = self._make(caller, b"_tid" if special == THREAD else b"_pid", _OF_TASK)
            state = self._box.tasks.state_of(caller.tid)
            if state is not None and not state.key_holder:
                self._holders = self._holders % _MOST_HOLDERS + 1
                self._box.tasks.set_state(caller.tid, state._replace(key_holder=self._holders))
            self._of_tasks[self._place(caller, special)] = key
        return Found(key, True)

    def _forget_ended(self) -> None:
        """Let go of the keyrings of sessions that nobody is in, and of tasks that have ended or run another program."""
        table = self._box.tasks
        states = map(table.state_of, processes())
        entered = {state.session_keyring for state in states if state is not None}
        for serial in self._sessions.keys() - entered:
            self._keys.release(self._sessions.pop(serial))
        for place, key in list(self._of_tasks.items()):
            holder, task, started = place
            state = table.state_of(task)
            if state is None or state.key_holder != holder or start_of_process(task) != started:
                del self._of_tasks[place]
                self._keys.release(key)
