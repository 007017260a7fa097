# shellcheck shell=bash
# `tandem-node` on a database node: launch and drain. Needs lib.sh.
# shellcheck source=infra/nodes/steps.sh
source "$TANDEM_FILES/steps.sh"
# shellcheck source=infra/nodes/server.sh
source "$TANDEM_FILES/server.sh"

readonly KILL_SECONDS_MAX=5

launch() {
  step "boot is over" boot_finished
  step "the server and the /writer responder run" programs_run mysqld writer
  step "the server answers with its accounts" accounts_present
}

accounts_present() {
  local count
  count="$(server_root --execute="SELECT COUNT(*) FROM mysql.user WHERE host = '%'")" || fail "$OWN_FAULT" "$SERVER does not answer on its socket"
  ((count >= 5)) || fail "$OWN_FAULT" "only $count of the 5 accounts are there"
  as_observer 127.0.0.1 "SELECT 1" >/dev/null || fail "$OWN_FAULT" "$SERVER refuses the observer's account on port 3306"
  STEP_DETAIL="$SERVER_NAME $(server_root --execute='SELECT VERSION()')"
}

# as_observer ADDRESS STATEMENT: asks a server over the network and TLS; 127.0.0.1 stands for this one.
as_observer() {
  local address=$1 from=(--bind-address="$TANDEM_ADDRESS")
  if [[ $TANDEM_FLAVOUR == mariadb ]]; then from=(); fi # its client cannot choose where it comes from
  if [[ $address == 127.0.0.1 ]]; then address="$TANDEM_BIND"; fi
  "$(program "$CLIENT")" --defaults-file=<(jq -r --arg tls "$CLIENT_TLS" '"[client]\nuser=\"\(.username)\"\npassword=\"\(.password)\"\n\($tls)"' "$TANDEM_ETC/observer.json") \
    --host="$address" "${from[@]}" --connect-timeout=2 --batch --skip-column-names --execute="$2" 2>&1
}

# Whether the server runs: a process that has ended and was not collected yet is no server any more.
server_pid() {
  local pid state
  if [[ -n $TANDEM_ROOT ]]; then pid="$(service_pid "$TANDEM_RUN/mysqld.pid")"; else pid="$(systemctl show --property MainPID --value tandem-mysqld)"; fi
  [[ -n $pid && $pid != 0 ]] || return 1
  { read -r state <"/proc/$pid/stat"; } 2>/dev/null || return 1
  state="${state##*) }"
  [[ ${state%% *} != Z ]] && printf '%s' "$pid"
}
server_ended() { [[ $(server_pid) != "$1" ]]; }

# Proves that this server acknowledges no application's write, whatever the network lets the controller see. A server
# starts read-only, so one that is gone cannot come back as a writer; one that does not answer is ended.
fence() {
  local pid
  if ! pid="$(server_pid)"; then
    printf '%s does not run, and starts read-only\n' "$SERVER"
  elif close_server >/dev/null 2>&1 && [[ $(server_root --execute='SELECT @@global.read_only') == 1 ]]; then
    printf '%s is read-only, and its sessions are cut\n' "$SERVER"
  else
    kill -KILL "$pid" 2>/dev/null || true # it may end by itself meanwhile
    again "$KILL_SECONDS_MAX" server_ended "$pid" || fail "$OWN_FAULT" "$SERVER ($pid) does not answer and does not end"
    printf '%s did not answer and was killed; it starts read-only\n' "$SERVER"
  fi
}

# Its power-off is safe at any time, and nobody but the controller takes a server out: there is nothing to wait for.
drain() {
  printf 'drained: a database node has no requests of its own; its server goes on until power-off\n'
}
