# shellcheck shell=bash
# `tandem-node fence`: proves on the machine itself that its database server acknowledges no application's write. A server
# that answers is made read-only, one that does not is killed, and one that starts is read-only. Needs database.sh.

readonly ANSWER_SECONDS=2 # a server that has not answered on its own socket by then hangs
readonly LOCK_SECONDS=1   # for becoming read-only behind a transaction that could not be cut
readonly GONE_SECONDS=5   # SIGKILL takes milliseconds; a process in the middle of a write to its disk needs longer

fence() {
  local started pid
  started="$(now_ms)"
  grep -Eq '^(super[-_])?read[-_]only *= *ON' "$TANDEM_MY_CNF" || fail "$OWN_FAULT" "not proven: $TANDEM_MY_CNF does not say that a server starts read-only"
  if pid="$(server_pid)"; then
    if fence_by_sql; then
      proven "$started" "server $pid is read-only, as read back, and its sessions were cut"
    elif server_gone "$pid" || { kill -KILL "$pid" 2>/dev/null && again "$GONE_SECONDS" server_gone "$pid"; } || server_gone "$pid"; then
      proven "$started" "server $pid did not become read-only, so it was killed and is gone; one that starts is read-only"
    else
      fail "$OWN_FAULT" "not proven: server $pid neither becomes read-only nor ends when it is killed"
    fi
  elif port_open; then
    fail "$OWN_FAULT" "not proven: a server listens on port 3306 that is not this machine's supervised one"
  else
    proven "$started" "no server runs; one that starts is read-only"
  fi
}

proven() { printf 'fenced in %s ms: %s\n' "$(($(now_ms) - $1))" "$2"; }

server_pid() { # the pid of the supervised server; 1 if none runs
  local pid
  if [[ -n $TANDEM_ROOT ]]; then
    pid="$(service_pid "$TANDEM_RUN/mysqld.pid")" || return 1
  else
    pid="$(systemctl show --property MainPID --value tandem-mysqld)"
  fi
  [[ -n $pid && $pid != 0 ]] && ! server_gone "$pid" && printf '%s' "$pid"
}

server_gone() { # server_gone PID: no such process, or nothing but its exit status is left
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  stat="${stat##*) }"
  [[ $stat == Z* || $stat == X* ]]
}

port_open() {
  local socket
  { exec {socket}<>"/dev/tcp/$TANDEM_BIND/3306"; } 2>/dev/null || return 1
  exec {socket}>&-
}

fence_sql() { # fence_sql ARGUMENTS...: its input as root through the socket, for so long as a server that is well may need
  (cd "$TANDEM_DATADIR" && timeout --signal=KILL "$ANSWER_SECONDS" "$(program "${CLIENT:-mysql}")" --no-defaults --socket=mysqld.sock \
    --user="${SERVER_ROOT:-root}" --batch --skip-column-names "$@") 2>/dev/null
}

# What stands in /*!80000 */ is read by MySQL only, and what stands in /*M! */ by MariaDB only. offline_mode cuts sessions,
# also those that wait for an acknowledgement, and keeps new ones out meanwhile; MariaDB's waiters are freed by a kill.
# `--force`: a session may end by itself before it is killed, and semi-sync may not be there. It goes on with the next line.
fence_by_sql() {
  local list kills state
  list="$(fence_sql <<<"SET @x = 1 /*!80000 , GLOBAL offline_mode = ON */; SHOW PROCESSLIST")" || return 1
  kills="$(awk -F'\t' '$2 !~ /^(system user|event_scheduler|tandem_writer)$/ && $5 !~ /^(Binlog Dump|Daemon)/ && $8 != "SHOW PROCESSLIST" { print "KILL " $1 ";" }' <<<"$list")"
  state="$(
    fence_sql --force <<SQL
$kills
SET @x = 1 /*!80000 , GLOBAL rpl_semi_sync_source_enabled = OFF */ /*M! , GLOBAL rpl_semi_sync_master_enabled = OFF */;
SET SESSION lock_wait_timeout = $LOCK_SECONDS;
SET @x = 1 /*!80000 , GLOBAL super_read_only = ON */ /*M! , GLOBAL read_only = ON */;
SELECT @@global.read_only /*!80000 AND @@global.super_read_only */;
SQL
  )" || true
  [[ $state == 1 ]] || return 1
  # Only now, and not needed for the proof: from here on it can be observed again.
  fence_sql <<<"SET @x = 1 /*!80000 , GLOBAL offline_mode = OFF */;" || true
}
