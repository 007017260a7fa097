# shellcheck shell=bash
# `tandem-node` on a web node: launch, drain, cron, check-page. Needs lib.sh.
# shellcheck source=infra/nodes/steps.sh
source "$TANDEM_FILES/steps.sh"
# shellcheck source=infra/nodes/files.sh
source "$TANDEM_FILES/files.sh"
# shellcheck source=infra/nodes/cache.sh
source "$TANDEM_FILES/cache.sh"

readonly WRITER_WAIT_SECONDS=10 # a failover takes less; a longer absence is for the controller to know
readonly PAGE_SECONDS_MAX=20
readonly EMPTY_LOOKS=3          # in a row: a request may just be between nginx and PHP
readonly DRAIN_SECONDS_MAX=3600

launch() {
  step "boot is over" boot_finished
  step "nginx, php-fpm, haproxy and publish run" programs_run nginx php-fpm haproxy publish
  if has_share; then step "the shared files are mounted" files; fi
  if has_cache; then step "the cache tells its servers" cache_answers; fi
  step "the writer answers through HAProxy" writer_answers
  step "WordPress is installed" wordpress_installed
  step "the first page renders" check_page
}

# The mount proves itself before any page does, and the report of it does not wait for the next interval.
files() {
  local words
  prove_share
  # shellcheck source=infra/nodes/publish.sh
  source "$TANDEM_FILES/publish.sh"
  words="$(send_metrics "$(body_of %s "$(share_metric 1)")" 2>&1)" || note "the report of the mount is lost: ${words##*$'\n'}"
}

# PHP on the command line with what wp-config.php reads, and as whom, as php-fpm's pool gives it to the site.
site_php() {
  local user=()
  if [[ -z $TANDEM_ROOT ]]; then user=(runuser -u www-data --); fi
  TANDEM_SECRETS="$TANDEM_ETC/wordpress.json" TANDEM_DOCROOT="$TANDEM_ROOT/var/www/tandem" \
    TANDEM_SITE_URL="$TANDEM_SITE_URL" TANDEM_LOOPBACK="$TANDEM_LOOPBACK" \
    "${user[@]}" "$(program php)" -d display_errors=stderr "$TANDEM_FILES/wordpress/$1"
}

ask_writer() { WRITER="$(site_php writer.php 2>&1)"; }

writer_answers() {
  again "$WRITER_WAIT_SECONDS" ask_writer || fail "$SHARED_FAULT" "no writer through HAProxy: ${WRITER##*$'\n'}"
  STEP_DETAIL="$WRITER"
}

wordpress_installed() {
  local words
  # The writer answered just now: whatever fails here may be the database's or another node's doing, so it is tried again.
  words="$(site_php install.php 2>&1)" || fail "$SHARED_FAULT" "WordPress cannot be installed: ${words##*$'\n'}"
  STEP_DETAIL="$words"
}

# The lock is held by whatever of a run lives, so that two never run on one node, and a drain can wait for it.
cron() {
  local lock words
  exec {lock}>"$TANDEM_RUN/cron.lock"
  if ! flock -n "$lock"; then
    printf 'a run of this node goes on\n'
    return 0
  fi
  again "$WRITER_WAIT_SECONDS" ask_writer || fail "$SHARED_FAULT" "no writer through HAProxy: ${WRITER##*$'\n'}"
  # What goes to standard output is a page for visitors; PHP's own words begin with the fault.
  words="$(site_php cron.php 2>&1 >/dev/null)" ||
    fail "$SHARED_FAULT" "the due events cannot be run to their end: ${words%%$'\n'*}"
  printf 'the due events have run\n'
}
cron_runs() { ! flock -n "$TANDEM_RUN/cron.lock" true; }

# The site's first page from this node itself, under the site's own name: status 200, whole, and with the node's header.
check_page() {
  local host=${TANDEM_SITE_URL#*://} headers body="$TANDEM_RUN/page.$$" wrong=""
  headers="$(curl -sS --max-time "$PAGE_SECONDS_MAX" -H "host: ${host%%/*}" -D - -o "$body" "http://$TANDEM_BIND:8080/" 2>&1)" ||
    wrong="no answer (${headers##*$'\n'})"
  if [[ -z $wrong && ! $headers =~ ^HTTP/[0-9.]+\ 200 ]]; then wrong="status ${headers%%$'\r'*}"; fi
  if [[ -z $wrong ]] && ! grep -qi '</html>' "$body"; then wrong="no </html> in it"; fi
  if [[ -z $wrong && ! ${headers,,} =~ x-tandem-node:\ *${TANDEM_INSTANCE_ID,,} ]]; then wrong="no header x-tandem-node: $TANDEM_INSTANCE_ID"; fi
  STEP_DETAIL="$(stat -c %s "$body" 2>/dev/null || printf 0) bytes"
  rm -f "$body"
  if [[ -z $wrong ]]; then return 0; fi
  if ! ask_writer; then fail "$SHARED_FAULT" "the first page: $wrong; but no writer through HAProxy either: ${WRITER##*$'\n'}"; fi
  fail "$OWN_FAULT" "the first page does not render while the database is fine: $wrong"
}

# in_flight: sets IN_FLIGHT to the requests that this node has accepted and not answered. 1 if it cannot be known.
in_flight() {
  local busy queued
  IN_FLIGHT=unknown
  http_get "$TANDEM_LOOPBACK" 8081 /nginx-status 2 && [[ $HTTP_BODY =~ Writing:\ ([0-9]+) ]] || return 1
  IN_FLIGHT=$((BASH_REMATCH[1] - 1)) # the question itself is one of them
  http_get "$TANDEM_LOOPBACK" 8081 '/fpm-status?json' 2 || return 1
  [[ $HTTP_BODY =~ \"active\ processes\":([0-9]+) ]] && busy="${BASH_REMATCH[1]}"
  [[ $HTTP_BODY =~ \"listen\ queue\":([0-9]+) ]] && queued="${BASH_REMATCH[1]}"
  if ((${busy:-0} + ${queued:-0} > IN_FLIGHT)); then IN_FLIGHT=$((busy + queued)); fi
}

drain() {
  local seconds=$1 deadline empty=0
  if ! [[ $seconds =~ ^[0-9]{1,4}$ ]] || ((10#$seconds > DRAIN_SECONDS_MAX)); then
    fail "$USAGE" "drain: '$seconds' given; whole seconds from 0 to $DRAIN_SECONDS_MAX are allowed"
  fi
  if [[ $(service nginx state) != running ]]; then
    printf 'drained: nginx does not run, so nothing is in flight\n'
    service publish stop
    return 0
  fi
  deadline=$((SECONDS + 10#$seconds))
  while ((empty < EMPTY_LOOKS)); do
    if in_flight && ((IN_FLIGHT == 0)) && ! cron_runs; then
      empty=$((empty + 1))
    else
      empty=0
      if ((SECONDS >= deadline)); then fail "$SHARED_FAULT" "not drained after $seconds s: $IN_FLIGHT requests in flight$(if cron_runs; then printf ', and scheduled events run'; fi)"; fi
    fi
    sleep 0.1
  done
  service publish stop
  if has_share; then leave_share; fi
  printf 'drained: no request in flight after %s s\n' "$((SECONDS - deadline + 10#$seconds))"
}
