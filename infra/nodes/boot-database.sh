#!/usr/bin/env bash
# Makes a machine a database node: MySQL or MariaDB with its accounts, and the responder that tells HAProxy whether this
# is the writer. The server comes up read-only whatever it was before. May run again: it then brings up what does not run.
set -euo pipefail
# shellcheck source=infra/nodes/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"
boot_started
# shellcheck source=infra/nodes/server.sh
source "${BASH_SOURCE[0]%/*}/server.sh"

readonly ANSWER_SECONDS_MAX=180 # crash recovery of a big data folder
readonly RESPONDER_SECONDS_MAX=15
readonly ACCOUNTS=(admin app observer healer replication)

choose_user() { # sets the option file's line about the user
  TANDEM_MYSQL_USER=""
  if [[ -z $TANDEM_ROOT ]]; then
    id mysql >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin mysql
    TANDEM_MYSQL_USER="user = mysql"
  elif ((EUID == 0)); then
    TANDEM_MYSQL_USER="user = root"
  fi
}

make_datadir() { # a copy of the image's template, or an initialisation; whole or not there
  local part="$TANDEM_DATADIR.part"
  if [[ -e $TANDEM_DATADIR/$DATA_MARK ]]; then return; fi
  if [[ -e $TANDEM_DATADIR ]]; then fail "$OWN_FAULT" "$TANDEM_DATADIR exists but holds no $SERVER_NAME data"; fi
  rm -rf "$part"
  mkdir -p "${TANDEM_DATADIR%/*}"
  if [[ -d $TANDEM_IMAGE/$TANDEM_FLAVOUR-template ]]; then
    cp -a --reflink=auto "$TANDEM_IMAGE/$TANDEM_FLAVOUR-template" "$part"
  else
    mkdir -p "$part"
    if [[ -z $TANDEM_ROOT ]]; then chown mysql: "$part"; fi
    initialise "$part" || fail "$OWN_FAULT" "the data folder cannot be initialised"
  fi
  if [[ -z $TANDEM_ROOT ]]; then chown -R mysql: "$part"; fi
  chmod 0700 "$part" # root's account has no password: it is reached through the socket in here, and by nobody else
  mv "$part" "$TANDEM_DATADIR"
}

write_configuration() {
  local a b c d number=1 # of this server in the pair
  IFS=. read -r a b c d <<<"$TANDEM_ADDRESS"
  export TANDEM_SERVER_ID=$(((a << 24) + (b << 16) + (c << 8) + d)) # unique in the network as the address is
  export TANDEM_BUFFER_POOL=128M                                    # several servers share a developer's machine
  if [[ -z $TANDEM_ROOT ]]; then TANDEM_BUFFER_POOL=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 2))K; fi
  if [[ $TANDEM_NODE == db-b ]]; then number=2; fi
  export TANDEM_AUTO_INCREMENT_OFFSET=$number TANDEM_GTID_DOMAIN=$number
  prepare_tls
  mkdir -p "${TANDEM_MY_CNF%/*}"
  render "$TANDEM_FILES/$TANDEM_FLAVOUR.cnf" "$TANDEM_MY_CNF"
}

# The responder's password follows from the observer's: a server that was rebuilt has its peer's accounts, and its
# responder must get in all the same.
writer_password() {
  local password
  password="$(jq -jer '"tandem_writer " + .password' "$TANDEM_RUN/observer" | sha256sum)" && password="${password%% *}"
  keep "$TANDEM_ETC/writer.json" "$(printf '{"username": "tandem_writer", "password": "%s"}' "$password")"
  printf '%s' "$password"
}

# Creates or corrects the accounts, unless they are known to be as the rendered statements say. read_only stays on
# meanwhile, so that no client can write in that moment.
apply_accounts() {
  local name fingerprint
  for name in "${ACCOUNTS[@]}"; do
    printf -v "TANDEM_USER_${name^^}" '%s' "$(sql_quote "$(jq -er .username "$TANDEM_RUN/$name")")"
    printf -v "TANDEM_PASSWORD_${name^^}" '%s' "$(sql_quote "$(jq -er .password "$TANDEM_RUN/$name")")"
  done
  # shellcheck disable=SC2034 # used by the template
  TANDEM_PASSWORD_WRITER="$(sql_quote "$(writer_password)")"
  (umask 077 && render "$TANDEM_FILES/$TANDEM_FLAVOUR-accounts.sql" "$TANDEM_RUN/accounts.sql")
  fingerprint="$(sha256sum <"$TANDEM_RUN/accounts.sql")" && fingerprint="${fingerprint%% *}"
  if ! accounts_known "$fingerprint"; then
    { cat "$TANDEM_RUN/accounts.sql" && end_accounts "$fingerprint"; } | server_root || {
      accounts_failed
      fail "$OWN_FAULT" "the accounts cannot be created"
    }
  fi
  keep "$TANDEM_ETC/observer.json" "$(<"$TANDEM_RUN/observer")"
  rm -f "$TANDEM_RUN/accounts.sql" "${ACCOUNTS[@]/#/$TANDEM_RUN/}"
}

main() {
  local name waiting=()
  ensure_packages "$SERVER" "$CLIENT" "${SERVER_PROGRAMS[@]}" jq curl python3 -- "${SERVER_PACKAGES[@]}" jq curl python3-pymysql
  again 30 load_identity || fail "$SHARED_FAULT" "the metadata endpoint does not answer"
  credentials >/dev/null || fail "$SHARED_FAULT" "the metadata endpoint gives no credentials of the role"
  for name in "${ACCOUNTS[@]}"; do
    fetch_secret "database/$name" "$TANDEM_RUN/$name" &
    waiting+=($!)
  done
  choose_user
  make_datadir
  write_configuration
  # After a power cut the lock names a process that may be anyone now; InnoDB's own lock still keeps a second server out.
  if [[ $(service mysqld state) != running ]]; then rm -f "$TANDEM_DATADIR/mysqld.sock" "$TANDEM_DATADIR/mysqld.sock.lock"; fi
  # Either flavour runs under one name: to whoever kills, stops or asks for it, it is this node's server.
  service mysqld start -- "$(program "$SERVER")" --defaults-file="$TANDEM_MY_CNF"
  again "$ANSWER_SECONDS_MAX" server_answers || fail "$OWN_FAULT" "$SERVER does not answer on its socket"
  for name in "${waiting[@]}"; do
    wait "$name" || fail "$SHARED_FAULT" "Secrets Manager does not give this node's secrets"
  done
  apply_accounts
  service writer start -- "$(program python3)" "$TANDEM_FILES/tandem-writer" "$TANDEM_BIND" "$TANDEM_DATADIR" "$TANDEM_ETC/writer.json"
  again "$RESPONDER_SECONDS_MAX" responder_answers || fail "$OWN_FAULT" "the /writer responder does not answer"
  note "$SERVER_NAME node $TANDEM_NODE ($TANDEM_INSTANCE_ID) is up at $TANDEM_ADDRESS:3306, read-only"
}

main
