# shellcheck shell=bash
# The steps of `tandem-node launch` that every class has. Needs lib.sh.

readonly BOOT_WAIT_SECONDS=45     # within one run of the document; the controller asks again
readonly BOOT_SECONDS_MAX=600     # packages come from a mirror on EC2; longer than this is no boot any more
readonly BOOT_SECONDS_MAX_SANDBOX=120
readonly RESTART_SECONDS=5        # a program may just be between two runs

# step WORDS COMMAND...: runs one step and prints how it went and how long it took. The command ends the script itself,
# with the fitting code, when it fails.
step() {
  local words=$1 started
  shift
  started="$(now_ms)"
  STEP_DETAIL=""
  "$@"
  printf 'ok %5s ms  %s%s\n' "$(($(now_ms) - started))" "$words" "${STEP_DETAIL:+: $STEP_DETAIL}"
}

# A node out of the warm pool boots a second time, and finds what its first boot has noted until its script begins.
boot_over() { [[ -e $TANDEM_STATE/boot-failed || (-e $TANDEM_STATE/booted && -e $TANDEM_RUN/boot-begun) ]]; }

boot_finished() {
  local code words started limit=$BOOT_SECONDS_MAX
  if ! again "$BOOT_WAIT_SECONDS" boot_over; then
    if [[ -n $TANDEM_ROOT ]]; then limit=$BOOT_SECONDS_MAX_SANDBOX; fi
    started="$(cat "$TANDEM_STATE/boot-started" 2>/dev/null || printf '%s' "$EPOCHSECONDS")"
    if ((EPOCHSECONDS - started > limit)); then fail "$OWN_FAULT" "the boot takes more than $limit s"; fi
    fail "$SHARED_FAULT" "the boot is not over yet ($((EPOCHSECONDS - started)) s)"
  fi
  if [[ -e $TANDEM_STATE/boot-failed ]]; then
    read -r code words <"$TANDEM_STATE/boot-failed"
    fail "$code" "boot failed: $words"
  fi
}

programs_run() { # programs_run NAME...
  local name
  for name in "$@"; do
    again "$RESTART_SECONDS" runs "$name" || fail "$OWN_FAULT" "$name is $(service "$name" state); see its log"
  done
}
runs() { [[ $(service "$1" state) == running ]]; }
