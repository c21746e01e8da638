# Runs each line of a file as a command, and prints it, what it prints, and its status: bash run_commands.sh FILE
export LC_ALL=C.UTF-8 HOME=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin
while IFS= read -r line <&9; do
  echo "\$ $line"
  timeout 60 bash -c "$line" </dev/null 2>&1 | cat
  echo "[${PIPESTATUS[0]}]"
done 9< "$1"
