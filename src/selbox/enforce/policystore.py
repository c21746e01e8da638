"""What ``semanage`` and ``semodule`` work on: the policy in force as a policy store of the box's own.

The store holds the whole policy as one module. So what these commands change is compiled by libsemanage and put in
force in the box, and goes with it; the policy that the box was given stays as it is.
"""

import os
from collections.abc import Callable, Sequence

from selbox.enforce.calls.securitypolicy import VERSION
from selbox.enforce.credentials import own_credentials_held
from selbox.enforce.selinuxdirectories import BoxDirectory, PolicyDirectory
from selbox.model.policy import Policy
from selbox.typing import Final

_MODULE: Final = "policy"
_PRIORITY: Final = "100"


class StoreDirectory:
    """What stands for ``/var/lib/selinux``.

    Args:
        policies: what stands for ``/etc/selinux``, where libsemanage puts what it has made.
        policy: returns the policy in force.
        directory: where the store is made.
    """

    def __init__(
        self,
        policies: PolicyDirectory,
        policy: Callable[[], Policy],
        directory: BoxDirectory,
    ) -> None:
        self._policies = policies
        self._policy = policy
        self._directory = directory
        self._made = ""
        self._has_module = False

    def place(self, inner: Sequence[bytes]) -> str:
        """Return the directory, and make it first where need be.

        Args:
            inner: components of the path that is sought in it.

        Raises:
            OSError: when it cannot be made.
        """
        with own_credentials_held():
            if not self._made:
                self._make()
            if not self._has_module and os.fsencode(_MODULE) in inner:
                # It takes a second, so it waits until somebody comes to the module itself, to compile it again.
                from selbox.compiler.text.cil import cil_parts

                self._write(f"modules/{_PRIORITY}/{_MODULE}/cil", "".join(cil_parts(self._policy())).encode())
                self._has_module = True
        return self._made

    def _make(self) -> None:
        from selbox.binary.kernel import write_policy

        policies = self._policies
        policies.keep_apart()
        made = os.path.join(self._directory.path, "store")
        active = os.path.join(made, policies.name, "active")
        os.makedirs(os.path.join(active, "modules", _PRIORITY, _MODULE), 0o700)
        os.mkdir(os.path.join(active, "modules", "disabled"), 0o700)
        self._made = made
        self._write("policy.kern", write_policy(self._policy(), VERSION))  # with the defaults of booleans
        self._write("commit_num", b"1\n")
        self._write(f"modules/{_PRIORITY}/{_MODULE}/lang_ext", b"cil")
        for name, source in (("seusers", "seusers"), ("file_contexts", "contexts/files/file_contexts")):
            content = policies.content(source)
            self._write(name, content)
            if name == "seusers" and content:
                self._write(f"{name}.local", content)  # the policy itself does not know who logs in as whom

    def _write(self, name: str, content: bytes) -> None:
        path = os.path.join(self._made, self._policies.name, "active", name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
