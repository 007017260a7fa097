# shellcheck shell=bash
# `tandem-node` on a database node: launch and drain. Needs lib.sh.
# shellcheck source=infra/nodes/steps.sh
source "$TANDEM_FILES/steps.sh"
# shellcheck source=infra/nodes/server.sh
source "$TANDEM_FILES/server.sh"

readonly FIRST_WRITER=db-a
readonly PEER_WAIT_SECONDS=45 # both servers of a new farm boot at the same time

launch() {
  step "boot is over" boot_finished
  step "the server and the /writer responder run" programs_run mysqld writer
  step "the server answers with its accounts" accounts_present
  step "$TANDEM_NODE" choose_role
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

# A farm that nobody ever wrote to gets its first writer here: db-a, once it is certain that neither server holds a
# transaction. In every other case the server stays read-only, and who may write is the controller's decision.
choose_role() {
  local executed read_only
  IFS=$'\t' read -r read_only executed < <(server_root --execute="SELECT @@global.read_only, $POSITION") ||
    fail "$OWN_FAULT" "$SERVER does not answer on its socket"
  if [[ $read_only == 0 ]]; then
    STEP_DETAIL="is the writer already"
  elif [[ $TANDEM_NODE != "$FIRST_WRITER" ]]; then
    STEP_DETAIL="stays read-only, as every server but the writer"
  elif [[ -n $executed ]]; then
    STEP_DETAIL="stays read-only: it holds transactions ($executed), so who writes is for the controller to decide"
  else
    open_first_writer
  fi
}

peer_state() { PEER="$(as_observer "$TANDEM_DB_B" "SELECT CONCAT(@@global.read_only + 0, ':', $POSITION)")"; }

open_first_writer() {
  # An answer that cannot be had is not an empty server: the farm's transactions may all be on the peer.
  again "$PEER_WAIT_SECONDS" peer_state || fail "$SHARED_FAULT" "db-b does not say whether it holds transactions: ${PEER##*$'\n'}"
  if [[ $PEER != 1: ]]; then
    STEP_DETAIL="stays read-only: db-b holds transactions or is open (read_only:position is $PEER)"
    return
  fi
  server_root --execute="$OPEN_STATEMENT" ||
    fail "$OWN_FAULT" "the server cannot be opened"
  STEP_DETAIL="opened as the first writer of a new farm (neither server held a transaction)"
}

# Its power-off is safe at any time, and nobody but the controller takes a server out: there is nothing to wait for.
drain() {
  printf 'drained: a database node has no requests of its own; its server goes on until power-off\n'
}
