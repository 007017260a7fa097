# shellcheck shell=bash
# `tandem-node publish`: this node's load to CloudWatch. Needs lib.sh. Everything comes from the status of the pool that
# serves the site, so health and status requests are not in it: they have pools of their own, and static files need no worker.

readonly SAMPLES=10 # one a second: a metric of 10 s resolution
readonly SENDS_MAX=3
readonly SEND_AGAIN_SECONDS=0.3 # sampling waits meanwhile, and catches up
readonly CURL_HTTP_ERROR=22     # curl's exit code for an answer of 400 or more

accepted=0 busy=0 queued=0
busy_sum=0 queued_sum=0 seen=0
before_accepted="" before_busy=0 before_queued=0
cpu_before="" # ticks of the processors: busy and all
cpu_metric="" # what the interval just over says of them
looking="" # the process that checks the shared files

# sample: reads the pool's counters. 1 if php-fpm does not answer.
sample() {
  http_get "$TANDEM_LOOPBACK" 8081 '/fpm-status?json' 0.8 || return 1
  [[ $HTTP_BODY =~ \"accepted\ conn\":([0-9]+) ]] || return 1
  accepted="${BASH_REMATCH[1]}"
  [[ $HTTP_BODY =~ \"listen\ queue\":([0-9]+) ]] || return 1
  queued="${BASH_REMATCH[1]}"
  [[ $HTTP_BODY =~ \"active\ processes\":([0-9]+) ]] || return 1
  busy="${BASH_REMATCH[1]}"
  busy_sum=$((busy_sum + busy)) queued_sum=$((queued_sum + queued)) seen=$((seen + 1))
}

decimal() { printf '%s.%02d' "$(($1 / 100))" "$(($1 % 100))"; } # decimal HUNDREDTHS

metric() { # metric NAME VALUE UNIT [DIMENSION VALUE]
  # shellcheck disable=SC2153 # the stage comes from node.env; TANDEM_SHARE is another thing
  printf '{"MetricName":"%s","Value":%s,"Unit":"%s","StorageResolution":1,"Dimensions":[{"Name":"AutoScalingGroupName","Value":"%s"}' \
    "$1" "$2" "$3" "tandem-$TANDEM_STAGE-${TANDEM_NODE:-web}"
  if (($# > 3)); then printf ',{"Name":"%s","Value":"%s"}' "$4" "$5"; fi
  printf ']}'
}

share_metric() { metric SharedFilesMounted "$1" Count InstanceId "$TANDEM_INSTANCE_ID"; } # share_metric 1|0

# reported_share: the last check of the shared files, with a comma in front. Nothing before the first.
reported_share() {
  local state
  if [[ -n ${TANDEM_SHARE-} && -r $TANDEM_RUN/share ]] && read -r state <"$TANDEM_RUN/share"; then printf ',%s' "$(share_metric "$state")"; fi
}

# look_at_share: a check that hangs holds nothing up: it runs beside, and no second one while it does.
look_at_share() {
  if [[ -z ${TANDEM_SHARE-} ]]; then return 0; fi
  if [[ -n $looking ]] && kill -0 "$looking" 2>/dev/null; then
    keep "$TANDEM_RUN/share" 0
    return
  fi
  check_share &
  looking=$!
}

# used_processors: sets cpu_metric, the mean use of the processors since the last call, with a comma in front. Nothing the first
# time, and nothing in a sandbox, whose /proc is that of a machine with other things to do.
used_processors() {
  local user nice system idle iowait irq softirq steal busy all before=$cpu_before
  cpu_metric=""
  if [[ -n ${TANDEM_ROOT-} ]]; then return 0; fi
  read -r _ user nice system idle iowait irq softirq steal _ </proc/stat || return 0
  busy=$((user + nice + system + irq + softirq + steal))
  all=$((busy + idle + iowait))
  cpu_before="$busy $all"
  if [[ -z $before ]] || ((all <= ${before#* })); then return 0; fi
  cpu_metric=",$(metric CpuPercent "$(decimal $((10000 * (busy - ${before% *}) / (all - ${before#* }))))" Percent)"
}

body_of() { # body_of FORMAT METRIC...
  local format=$1
  shift
  # shellcheck disable=SC2059 # the format is a list of %s
  printf "{\"Namespace\":\"Tandem\",\"MetricData\":[$format]}" "$@"
}

# send_metrics BODY: what CloudWatch refused is sent again. One lost interval of one node makes the whole tier's load unknown.
# No answer is no refusal: it may have been counted, and counting a node twice is worse than missing it.
send_metrics() {
  local try status
  for ((try = 1; ; try++)); do
    status=0
    aws_call monitoring GraniteServiceVersion20100801.PutMetricData "$1" || status=$?
    if ((status != CURL_HTTP_ERROR || try == SENDS_MAX)); then return "$status"; fi
    sleep "$SEND_AGAIN_SECONDS"
  done
}

# payload: the body of PutMetricData for the interval just over. Arrived = accepted by a worker, and what waits more than
# before; completed = accepted, less what the workers hold more than before.
payload() {
  local accepted_now=$((accepted - before_accepted)) arrived completed
  arrived=$((accepted_now + queued - before_queued))
  completed=$((accepted_now - busy + before_busy))
  if ((arrived < 0)); then arrived=0; fi # a waiting visitor may give up
  if ((completed < 0)); then completed=0; fi
  body_of '%s,%s,%s,%s,%s,%s%s%s' \
    "$(metric ArrivedRequests "$arrived" Count)" \
    "$(metric CompletedRequests "$completed" Count)" \
    "$(metric BusyWorkers "$(decimal $((100 * busy_sum / seen)))" Count)" \
    "$(metric Workers "$TANDEM_PHP_WORKERS" Count)" \
    "$(metric QueuedRequests "$queued" Count)" \
    "$(metric Saturation "$(decimal $((10000 * (busy_sum + queued_sum) / seen / TANDEM_PHP_WORKERS)))" Percent)" \
    "$cpu_metric" \
    "$(reported_share)"
}

# is_aside: whether this node is on its way into the warm pool, or an operator keeps it out of service. It serves nobody
# there, and its idle workers would make the mean of the tier smaller than it is.
is_aside() {
  local target
  target="$(imds meta-data/autoscaling/target-lifecycle-state)" || return 1 # an instance of no group has none
  [[ $target == Warmed:* || $target == Standby ]]
}

# close_interval: sends what was seen. A node without a status sends nothing: missing is not zero.
close_interval() {
  local words
  used_processors
  if ((seen == 0)); then
    note "php-fpm tells no status: nothing is sent"
    before_accepted=""
    return
  fi
  # The first interval, and one in which php-fpm began to count anew, have nothing to compare with.
  if [[ -n $before_accepted ]] && ((accepted >= before_accepted)) && ! is_aside; then
    words="$(send_metrics "$(payload)" 2>&1)" ||
      note "the metrics of this interval are lost: ${words##*$'\n'}"
  fi
  before_accepted=$accepted before_busy=$busy before_queued=$queued
  busy_sum=0 queued_sum=0 seen=0
}

publish() {
  local next count=0 timer
  trap 'exit 0' TERM INT
  exec {timer}<> <(:) # nothing ever comes out of it: waiting on it is a sleep without a program
  if sample; then before_accepted=$accepted before_busy=$busy before_queued=$queued busy_sum=0 queued_sum=0 seen=0; fi
  next=$(($(now_ms) + 1000))
  while :; do
    local left=$((next - $(now_ms)))
    if ((left > 0)); then
      local seconds
      printf -v seconds '%d.%03d' "$((left / 1000))" "$((left % 1000))"
      read -r -t "$seconds" -u "$timer" || true
    fi
    next=$((next + 1000))
    sample || true
    count=$((count + 1))
    if ((count == SAMPLES / 2)); then look_at_share; fi
    if ((count == SAMPLES)); then
      count=0
      close_interval
      if (($(now_ms) - next > 5000)); then next=$(($(now_ms) + 1000)); fi # after a stall, no burst of samples
    fi
  done
}
