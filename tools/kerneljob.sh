# Runs in the virtual machine, as root, in a shell that is sourced: loads each policy, asks, and writes the answers.
# /share/in has the policies (*policy*) and the questions (TABLE.in); /share/out/POLICY/ gets TABLE.tsv.
selinux=/sys/fs/selinux

# The answers to all that is asked, into the directory $1.
ask_all() {
  local table
  for table in access context create_permissive relabel_permissive member_permissive; do
    /oracle/avq "${table%_*}" <"/share/in/$table.in" >"$1/$table.tsv"
  done
  setenforce 1
  for table in create_enforcing relabel_enforcing member_enforcing; do
    /oracle/avq "${table%_*}" <"/share/in/$table.in" >"$1/$table.tsv"
  done
  setenforce 0
}

# What selinuxfs lists, into the directory $1.
list_all() {
  python3 - "$1" <<'PYTHON'
import os
import sys

ROOT = "/sys/fs/selinux"


def content(*names):
    with open(os.path.join(ROOT, *names)) as stream:
        return stream.read().rstrip("\n\0")


def rows(directory):
    return ((name, content(directory, name)) for name in os.listdir(os.path.join(ROOT, directory)))


def classes():
    for name in os.listdir(os.path.join(ROOT, "class")):
        for permission in os.listdir(os.path.join(ROOT, "class", name, "perms")):
            yield name, content("class", name, "index"), permission, content("class", name, "perms", permission)


tables = {
    "classes": classes(),
    "booleans": rows("booleans"),
    "policycaps": rows("policy_capabilities"),
    "initial_contexts": rows("initial_contexts"),
}
for table, found in tables.items():
    with open(os.path.join(sys.argv[1], f"{table}.tsv"), "w") as stream:
        stream.writelines("\t".join(row) + "\n" for row in found)
PYTHON
}

# Loads the policy in the file $1; leaves what the kernel says and gives back in the directory $2.
load() {
  mkdir "$2"
  dmesg -C
  # In one write, as the kernel wants it.
  python3 -c 'import os, sys; os.write(os.open("/sys/fs/selinux/load", os.O_RDWR), open(sys.argv[1], "rb").read())' "$1" ||
    echo "the policy could not be loaded" >"$2/complaints"
  # Contexts that earlier questions have left behind are none of this policy's.
  dmesg | sed -n 's/^.*SELinux: *//p' |
    grep -v -e '^policy capability' -e '^Converting' -e '^Context .* would be invalid' >>"$2/complaints"
  cat $selinux/policy >"$2/back"
}

cat $selinux/policy >/tmp/original
load /tmp/original /share/out/original
for policy in /share/in/*policy*; do
  out=/share/out/${policy##*/}
  load "$policy" "$out"
  ask_all "$out"
  list_all "$out"
done
