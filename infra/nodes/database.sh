# shellcheck shell=bash
# `tandem-node` on a database node: launch and drain. Needs lib.sh.
# shellcheck source=infra/nodes/steps.sh
source "$TANDEM_FILES/steps.sh"
# shellcheck source=infra/nodes/server.sh
source "$TANDEM_FILES/server.sh"

launch() {
  step "boot is over" boot_finished
  step "the server and the /writer responder run" programs_run mysqld writer
  step "the server answers with its accounts" accounts_present
  step "$TANDEM_NODE" tell_role
}

accounts_present() {
  local count
  count="$(server_root --execute="SELECT COUNT(*) FROM mysql.user WHERE host = '%'")" || fail "$OWN_FAULT" "$SERVER does not answer on its socket"
  ((count >= 5)) || fail "$OWN_FAULT" "only $count of the 5 accounts are there"
  as_observer "SELECT 1" >/dev/null || fail "$OWN_FAULT" "$SERVER refuses the observer's account on port 3306"
  STEP_DETAIL="$SERVER_NAME $(server_root --execute='SELECT VERSION()')"
}

as_observer() { # as_observer STATEMENT: asks this node's server over the network and TLS
  "$(program "$CLIENT")" --defaults-file=<(jq -r --arg tls "$CLIENT_TLS" '"[client]\nuser=\"\(.username)\"\npassword=\"\(.password)\"\n\($tls)"' "$TANDEM_ETC/observer.json") \
    --host="$TANDEM_BIND" --connect-timeout=2 --batch --skip-column-names --execute="$1" 2>&1
}

# Nothing on the node opens a server: who writes is decided where both servers are seen.
tell_role() {
  local read_only
  read_only="$(server_root --execute='SELECT @@global.read_only + 0')" || fail "$OWN_FAULT" "$SERVER does not answer on its socket"
  STEP_DETAIL="is read-only until the controller opens it"
  if [[ $read_only == 0 ]]; then STEP_DETAIL="is the writer already"; fi
}

# Its power-off is safe at any time, and nobody but the controller takes a server out: there is nothing to wait for.
drain() {
  printf 'drained: a database node has no requests of its own; its server goes on until power-off\n'
}
