#!/usr/bin/env bash
# supervise.sh NAME COMMAND...: keeps one program of a sandbox running, as systemd does on EC2. A program that keeps
# failing is given up (NAME.failed), so that a broken node is seen as broken. While NAME.hold is there, a program that
# ended is not started again: that is how a fault keeps a server down.
set -uo pipefail

readonly QUICK_SECONDS=10      # a run shorter than this counts as a failure
readonly FAILURES_MAX=8        # with the growing pause: about 10 s of trying
readonly RESTART_WANTED=16     # mysqld's exit code for "start me again" (RESTART, CLONE)
readonly LOG_BYTES_MAX=20000000

name=$1
shift

# orphans: pids of the ended program's own children that outlived it, e.g. PHP's workers after their master was killed.
# They hold its ports. On EC2 systemd ends them with their control group.
orphans() {
  local file pid stat comm parent group own
  read -r stat <"/proc/$$/stat" && read -r _ _ own _ <<<"${stat##*)}"
  for file in /proc/[0-9]*/stat; do
    { read -r stat <"$file"; } 2>/dev/null || continue # ended meanwhile
    comm="${stat#*(}" pid="${stat%% *}"
    read -r _ parent group _ <<<"${stat##*)}"
    if [[ $group == "$own" && ${comm%)*} == "$name"* && $(parent_group "$parent") != "$own" ]]; then printf '%s\n' "$pid"; fi
  done
}

parent_group() { # parent_group PID: the process group of an orphan's new parent, 0 if it cannot be read
  local stat group=0
  { read -r stat <"/proc/$1/stat" && read -r _ _ group _ <<<"${stat##*)}"; } 2>/dev/null || true
  printf '%s' "$group"
}

run="$TANDEM_ROOT/run/tandem" log="$TANDEM_ROOT/var/log/$name.log"
stopping="" child="" failures=0
export MYSQLD_PARENT_PID=$$
trap 'stopping=yes; [[ -z $child ]] || kill -TERM "$child" 2>/dev/null' TERM

while [[ -z $stopping ]]; do
  if [[ -e $run/$name.hold ]]; then
    sleep 0.05
    continue
  fi
  if [[ $(stat -c %s "$log" 2>/dev/null || printf 0) -gt $LOG_BYTES_MAX ]]; then mv "$log" "$log.1"; fi
  exec >>"$log" 2>&1
  started=$SECONDS
  "$@" </dev/null &
  child=$!
  printf '%s\n' "$child" >"$run/$name.pid"
  wait "$child"
  code=$?
  # A signal to this script ends `wait` early: the program itself is waited for.
  while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
  done
  rm -f "$run/$name.pid"
  if [[ -n $stopping ]]; then break; fi
  printf '%s %s ended with %s\n' "$(date -u +%FT%TZ)" "$name" "$code"
  for child in $(orphans); do kill -KILL "$child" 2>/dev/null; done
  child=""
  if ((code == RESTART_WANTED)); then continue; fi
  if ((SECONDS - started >= QUICK_SECONDS)); then failures=0; fi
  failures=$((failures + 1))
  if ((failures > FAILURES_MAX)); then
    printf '%s %s given up after %s quick ends\n' "$(date -u +%FT%TZ)" "$name" "$failures"
    printf '%s\n' "$code" >"$run/$name.failed"
    exit 1
  fi
  sleep "$((failures / 4)).2"
done
rm -f "$run/$name.supervisor"
