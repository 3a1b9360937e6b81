#!/bin/bash
# A short walk through a running registry: make demo. Every step is checked; the walk ends at the
# first that fails. CALLBOOK names another binary than build/bin/callbook.
set -euo pipefail
cd "$(dirname "$0")/.."

callbook=${CALLBOOK:-$PWD/build/bin/callbook}
patience_s=20
folder=$(mktemp -d)
registry_pid=
watch_pid=
declare -A provider_pids=()  # by port

say() { printf '\n== %s\n' "$*"; }
show() { sed 's/^/   /'; }
fail() {
  printf '\ndemo: %s\n' "$*" >&2
  for log in "$folder"/*.log; do printf -- '--- %s\n' "${log##*/}" && cat "$log"; done >&2
  exit 1
}

cleanup() {
  local pids=(${watch_pid:+"$watch_pid"} "${provider_pids[@]}" ${registry_pid:+"$registry_pid"})
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap cleanup EXIT

# wait_for WHAT COMMAND...: until the command succeeds, at most patience_s.
wait_for() {
  local what=$1 end=$((SECONDS + patience_s))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited $patience_s s in vain: $what"
    sleep 0.05
  done
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# of_orders EXPRESSION: a Python expression over the list of orders as the registry gives it.
of_orders() {
  "$callbook" get orders --json | python3 -c "import json, sys; orders = json.load(sys.stdin); print($1)"
}
has_instances() { [[ $(of_orders 'len(orders["instances"])') == "$1" ]]; }

start_registry() {  # [PORT]
  rm -f "$folder/ready"  # a former ready line must not be taken for the new one
  "$callbook" server --node demo --http "127.0.0.1:${1:-0}" --data "$folder/data" \
    >"$folder/ready" 2>>"$folder/registry.log" &
  registry_pid=$!
  wait_for 'the registry is ready' grep -q '^ready ' "$folder/ready"
  CALLBOOK_REGISTRY=$(grep -o 'http=[^ ]*' "$folder/ready" | cut -d= -f2)
  export CALLBOOK_REGISTRY
}

start_provider() {  # PORT
  "$callbook" register orders --port "$1" --id "orders-$1" --meta demo=yes -- \
    python3 -m http.server "$1" --bind 127.0.0.1 --directory "$folder/site" \
    >>"$folder/provider-$1.log" 2>&1 &
  provider_pids[$1]=$!
}

child_of() { tr -d " " <"/proc/$1/task/$1/children"; }

say 'A registry starts, on a free port.'
[[ -x $callbook ]] || fail "no $callbook; run make build"
mkdir "$folder/site"
echo 'an order' >"$folder/site/index.html"
start_registry
show <"$folder/ready"

say 'Three HTTP servers run under `callbook register`, which registers each when its port answers.'
ports=("$(free_port)" "$(free_port)" "$(free_port)" "$(free_port)")
for port in "${ports[@]:0:3}"; do start_provider "$port"; done
wait_for 'three instances' has_instances 3
"$callbook" get orders | show

say '`callbook watch orders` shows the list, then every change with its cause.'
"$callbook" watch orders >"$folder/watch.log" 2>"$folder/watch-notes.log" &
watch_pid=$!
wait_for 'the watcher has the list' grep -q '^= orders: 3 instances' "$folder/watch.log"
show <"$folder/watch.log"

say "One server is killed with -9. Its wrapper notices, and the instance leaves at once."
victim=${ports[0]}
kill -KILL "$(child_of "${provider_pids[$victim]}")"
wait_for 'the departure is seen' grep -q "^- orders-$victim session_closed" "$folder/watch.log"
status=0
wait "${provider_pids[$victim]}" || status=$?
unset "provider_pids[$victim]"
((status == 137)) || fail "the wrapper ended with $status, not with its command's 137"
tail -1 "$folder/watch.log" | show

say 'Another one comes.'
start_provider "${ports[3]}"
wait_for 'the arrival is seen' grep -q "^+ orders-${ports[3]} 127.0.0.1:${ports[3]} registered" \
  "$folder/watch.log"
tail -1 "$folder/watch.log" | show

say 'A consumer takes an address from the list and calls it.'
address=$(of_orders '"{address}:{port}".format(**orders["instances"][0])')
answer=$(curl -sS --max-time 10 "http://$address/")
[[ $answer == 'an order' ]] || fail "http://$address/ answered: $answer"
echo "http://$address/ answered: $answer" | show

say 'The registry is killed with -9 and started again. The list is the same.'
before=$(of_orders '[i["id"] for i in orders["instances"]], orders["digest"]')
kill -KILL "$registry_pid"
wait "$registry_pid" 2>/dev/null || true
start_registry "${CALLBOOK_REGISTRY##*:}"
wait_for 'the registry answers' "$callbook" get orders
after=$(of_orders '[i["id"] for i in orders["instances"]], orders["digest"]')
[[ $after == "$before" ]] || fail "before: $before; after: $after"
echo "$after" | show

say 'Watcher and providers go on: one more server is stopped, and the watcher hears of it.'
wait_for 'the watcher is connected again' grep -q 'connected to' "$folder/watch-notes.log"
show <"$folder/watch-notes.log"
leaver=${ports[1]}
kill -TERM "${provider_pids[$leaver]}"
wait_for 'the departure is seen' grep -q "^- orders-$leaver session_closed" "$folder/watch.log"
wait "${provider_pids[$leaver]}" || true
unset "provider_pids[$leaver]"
tail -1 "$folder/watch.log" | show
wait_for 'two instances' has_instances 2
"$callbook" get orders | show

say 'Nobody was told of a departure that was none.'
departures=$(grep -c '^- ' "$folder/watch.log")
((departures == 2)) || fail "the watcher saw $departures departures, not 2"
kill -INT "$watch_pid"
status=0
wait "$watch_pid" || status=$?
watch_pid=
((status == 0)) || fail "the watcher ended with $status"
say "Done in $SECONDS s."
