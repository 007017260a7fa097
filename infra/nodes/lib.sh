# shellcheck shell=bash
# What every script on a machine shares: places, metadata, signed AWS calls, supervised programs, templates.
# In the sandbox TANDEM_ROOT is the prefix of everything; on EC2 it is empty and systemd supervises.

: "${BASH_VERSINFO:?these scripts want bash}"
TANDEM_ROOT="${TANDEM_ROOT-}"
readonly TANDEM_ETC="$TANDEM_ROOT/etc/tandem" TANDEM_STATE="$TANDEM_ROOT/var/lib/tandem"
readonly TANDEM_RUN="$TANDEM_ROOT/run/tandem" TANDEM_LOG="$TANDEM_ROOT/var/log"
TANDEM_FILES="$(cd "${BASH_SOURCE[0]%/*}" && pwd)"
readonly TANDEM_FILES
readonly IMDS="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}/latest"
readonly IMDS_TOKEN_SECONDS=21600         # the most that the metadata endpoint grants
readonly CREDENTIALS_SPARE_SECONDS=300    # roles' credentials are renewed at least 5 minutes before they end
readonly AWS_CALL_SECONDS_MAX=10
# Exit codes of the launch and drain documents.
# shellcheck disable=SC2034 # read by the scripts that source this
readonly OWN_FAULT=10 SHARED_FAULT=20 USAGE=30

# shellcheck source=/dev/null
if [[ -r $TANDEM_ETC/node.env ]]; then source "$TANDEM_ETC/node.env"; fi

now_ms() { printf '%s' "$((${EPOCHREALTIME/[.,]/} / 1000))"; }
note() { printf '%s %s\n' "$(date -u +%FT%TZ)" "$*"; }
fail() { # fail CODE WORDS...: ends the script; a boot script's words are kept for `launch`
  local code=$1
  shift
  printf '%s\n' "$*" >&2
  if [[ -n ${BOOTING-} ]]; then printf '%s\n' "$*" >"$TANDEM_STATE/boot-error"; fi
  exit "$code"
}

# again SECONDS COMMAND...: until it succeeds or the time is over; often at first, then every second.
again() {
  local deadline=$((SECONDS + $1)) try=0
  shift
  until "$@"; do
    if ((SECONDS >= deadline)); then return 1; fi
    try=$((try + 1))
    if ((try < 20)); then sleep 0.1; else sleep 1; fi
  done
}

make_folders() {
  mkdir -p "$TANDEM_ETC" "$TANDEM_STATE" "$TANDEM_RUN" "$TANDEM_LOG"
  chmod 0755 "$TANDEM_ETC"
  chmod 0700 "$TANDEM_RUN"
}

# ---- metadata and credentials

imds_token() { # cached in a file that only this user reads; version 1 of the metadata service is refused
  local file="$TANDEM_RUN/imds-token" until token
  if [[ -r $file ]] && read -r until token <"$file" && ((until > EPOCHSECONDS)); then
    printf '%s' "$token"
    return
  fi
  token="$(curl -sf --max-time 2 -X PUT -H "x-aws-ec2-metadata-token-ttl-seconds: $IMDS_TOKEN_SECONDS" "$IMDS/api/token" </dev/null)" || return 1
  keep "$file" "$((EPOCHSECONDS + IMDS_TOKEN_SECONDS - 60)) $token"
  printf '%s' "$token"
}

keep() { (umask 077 && printf '%s\n' "$2" >"$1.$BASHPID" && mv "$1.$BASHPID" "$1"); } # keep FILE TEXT: whole or not, for root only

imds() { # imds PATH, below /latest
  local token
  token="$(imds_token)" || return 1
  curl -sf --max-time 2 --config - "$IMDS/$1" <<<"header = \"x-aws-ec2-metadata-token: $token\""
}

load_identity() { # who and where this machine is; exported because templates and child programs use it
  local file="$TANDEM_RUN/identity"
  if [[ ! -r $file ]]; then
    local id address
    id="$(imds meta-data/instance-id)" && address="$(imds meta-data/local-ipv4)" || return 1
    keep "$file" "$id $address"
  fi
  read -r TANDEM_INSTANCE_ID address <"$file"
  TANDEM_ADDRESS="${TANDEM_ADDRESS:-$address}"
  TANDEM_BIND="${TANDEM_BIND:-$TANDEM_ADDRESS}"
  TANDEM_LOOPBACK="${TANDEM_LOOPBACK:-127.0.0.1}"
  TANDEM_IMAGE="${TANDEM_IMAGE:-/opt/tandem-image}"
  export TANDEM_INSTANCE_ID TANDEM_ADDRESS TANDEM_BIND TANDEM_LOOPBACK TANDEM_IMAGE
}

credentials() { # prints curl's config lines for the role's credentials
  local file="$TANDEM_RUN/credentials" until role json lines
  if [[ -r $file ]] && read -r until <"$file" && ((until > EPOCHSECONDS)); then
    tail -n +2 "$file"
    return
  fi
  role="$(imds meta-data/iam/security-credentials/)" && json="$(imds "meta-data/iam/security-credentials/${role%%$'\n'*}")" || return 1
  lines="$(jq -r --argjson spare "$CREDENTIALS_SPARE_SECONDS" '
    (.Expiration | sub("\\.[0-9]+"; "") | fromdateiso8601 - $spare),
    "user = \"\(.AccessKeyId):\(.SecretAccessKey)\"",
    "header = \"x-amz-security-token: \(.Token)\""' <<<"$json")" || return 1
  keep "$file" "$lines"
  tail -n +2 "$file"
}

# aws_call SIGNING-NAME TARGET JSON: one call in AWS's JSON protocol; prints the answer's body. Credentials reach curl
# by its input, never by its arguments, which every user of the machine can read.
aws_call() {
  local service=$1 target=$2 body=$3 version=1.1 endpoint lines
  if [[ $service == monitoring ]]; then version=1.0; fi
  endpoint="${AWS_ENDPOINT_URL:-https://$service.$TANDEM_REGION.amazonaws.com}"
  lines="$(credentials)" || return 1
  curl --silent --show-error --fail-with-body --max-time "$AWS_CALL_SECONDS_MAX" --aws-sigv4 "aws:amz:$TANDEM_REGION:$service" \
    -H "content-type: application/x-amz-json-$version" -H "x-amz-target: $target" \
    --config - --data-binary "$body" "${endpoint%/}/" <<<"$lines"
}

secret() { # secret NAME: the JSON of tandem/<stage>/NAME on one line
  local id
  # shellcheck disable=SC2153 # the stage comes from node.env; TANDEM_STATE is another thing
  id="tandem/$TANDEM_STAGE/$1"
  aws_call secretsmanager secretsmanager.GetSecretValue "{\"SecretId\":\"$id\"}" | jq -cer '.SecretString | fromjson'
}

# fetch_secret NAME FILE: bounded tries, because a role's rights need some seconds to hold on a new stack.
fetch_secret() {
  local text
  text="$(again 30 secret "$1")" || return 1
  keep "$2" "$text"
}

# ---- programs

# program NAME: its path. Debian's family calls PHP's server by its version and keeps servers out of users' PATH.
program() {
  local path
  if path="$(PATH="$PATH:/usr/sbin:/sbin" type -P "$1")"; then
    printf '%s' "$path"
    return
  fi
  path="$(compgen -G "/usr/sbin/$1[0-9].[0-9]*" | sort -V | tail -n 1)" && [[ -n $path ]] && printf '%s' "$path"
}

# ensure_packages PROGRAMS -- PACKAGES: installs by apt what is not there. In the sandbox the set-up has done that.
ensure_packages() {
  local missing=() name
  while [[ $1 != -- ]]; do
    if ! program "$1" >/dev/null; then missing+=("$1"); fi
    shift
  done
  shift
  if ((${#missing[@]} == 0)); then return 0; fi
  if [[ -n $TANDEM_ROOT ]]; then fail "$OWN_FAULT" "not on this machine: ${missing[*]}"; fi
  note "installing $* (missing: ${missing[*]})"
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # packages must not start their services: these scripts do
  chmod 0755 /usr/sbin/policy-rc.d
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update -q && apt-get install -qy --no-install-recommends "$@"; }; then
    fail "$SHARED_FAULT" "the packages cannot be installed"
  fi
  rm -f /usr/sbin/policy-rc.d
  for name in nginx haproxy memcached apache2 mysql $(compgen -G '/lib/systemd/system/php*-fpm.service' || true); do
    systemctl disable --now "$(basename "$name" .service)" 2>/dev/null || true # not every class has each of them
  done
}

# service NAME start -- COMMAND... | reload | stop | state: one supervised program in the foreground of its supervisor.
service() {
  local name=$1 verb=$2
  shift 2
  if [[ ${1-} == -- ]]; then shift; fi
  if [[ -n $TANDEM_ROOT ]]; then "sandbox_$verb" "$name" "$@"; else "systemd_$verb" "$name" "$@"; fi
}

service_pid() { # service_pid FILE: the pid in it, if that process lives
  local pid
  [[ -r $1 ]] && read -r pid <"$1" && kill -0 "$pid" 2>/dev/null && printf '%s' "$pid"
}

sandbox_start() {
  local name=$1
  shift
  if service_pid "$TANDEM_RUN/$name.supervisor" >/dev/null; then return 0; fi
  rm -f "$TANDEM_RUN/$name.failed"
  # In the background of this machine's process group: power-off takes it along.
  "$TANDEM_FILES/supervise.sh" "$name" "$@" </dev/null >>"$TANDEM_LOG/$name.log" 2>&1 &
  printf '%s\n' "$!" >"$TANDEM_RUN/$name.supervisor"
}

sandbox_reload() {
  local pid signal=HUP
  case $1 in
    haproxy) signal=USR2 ;;
    # Its own reload would leave the process group (see keep-group): it ends after its requests and is started again.
    php-fpm) signal=QUIT ;;
  esac
  pid="$(service_pid "$TANDEM_RUN/$1.pid")" || return 1
  kill -s "$signal" "$pid"
}

sandbox_stop() {
  local pid
  pid="$(service_pid "$TANDEM_RUN/$1.supervisor")" || return 0
  kill -TERM "$pid"
  again 15 not_running "$1" && return 0
  note "$1 does not end: killed"
  kill -KILL "$pid" "$(service_pid "$TANDEM_RUN/$1.pid" || printf '%s' "$pid")" 2>/dev/null || true # may end meanwhile
}
not_running() { ! service_pid "$TANDEM_RUN/$1.supervisor" >/dev/null; }

sandbox_state() {
  if [[ -e $TANDEM_RUN/$1.failed ]]; then
    printf 'failed'
  elif service_pid "$TANDEM_RUN/$1.pid" >/dev/null; then
    printf 'running'
  else
    printf 'stopped'
  fi
}

systemd_start() {
  local name=$1 reload="/bin/kill -HUP \$MAINPID"
  shift
  if [[ $name == php-fpm || $name == haproxy ]]; then reload="/bin/kill -USR2 \$MAINPID"; fi
  # MYSQLD_PARENT_PID tells mysqld that someone starts it again, which RESTART and CLONE want.
  cat >"/etc/systemd/system/tandem-$name.service" <<UNIT
[Unit]
Description=Tandem $name
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=120
StartLimitBurst=20

[Service]
ExecStart=$*
ExecReload=$reload
Environment=MYSQLD_PARENT_PID=1
Restart=always
RestartSec=200ms
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
UNIT
  systemctl daemon-reload
  systemctl enable --quiet --now "tandem-$name"
}
systemd_reload() { systemctl reload "tandem-$1"; }
systemd_stop() { systemctl stop "tandem-$1"; }
systemd_state() {
  case "$(systemctl is-active "tandem-$1" || true)" in
    active | reloading) printf 'running' ;;
    failed) printf 'failed' ;;
    *) printf 'stopped' ;;
  esac
}

# ---- files

# render TEMPLATE FILE: replaces each ${TANDEM_...} by that variable's value; one that is not set is an error. No eval.
render() {
  local text done_text="" name
  text="$(<"$1")"
  while [[ $text =~ \$\{(TANDEM_[A-Z0-9_]+)\} ]]; do
    name="${BASH_REMATCH[1]}"
    [[ -v $name ]] || fail "$OWN_FAULT" "$1 wants $name, which is not set"
    done_text+="${text%%"${BASH_REMATCH[0]}"*}${!name}"
    text="${text#*"${BASH_REMATCH[0]}"}"
  done
  printf '%s\n' "$done_text$text" >"$2.part"
  mv "$2.part" "$2"
}

# http_get ADDRESS PORT PATH SECONDS: sets HTTP_STATUS and HTTP_BODY without starting a program, for what runs every second.
http_get() {
  local socket response="" line
  HTTP_STATUS=000 HTTP_BODY=""
  { exec {socket}<>"/dev/tcp/$1/$2"; } 2>/dev/null || return 1
  { printf 'GET %s HTTP/1.0\r\nHost: node\r\n\r\n' "$3" >&"$socket"; } 2>/dev/null || true # a closed peer shows below
  IFS= read -r -d '' -t "$4" -u "$socket" response || true                                 # its end is the answer's end
  exec {socket}>&-
  line="${response%%$'\r'*}"
  if [[ $line =~ ^HTTP/1\.[01]\ ([0-9]{3}) ]]; then HTTP_STATUS="${BASH_REMATCH[1]}"; fi
  # shellcheck disable=SC2034 # read by the callers
  HTTP_BODY="${response#*$'\r\n\r\n'}"
  [[ $HTTP_STATUS == 200 ]]
}

# ---- boot

boot_started() {
  make_folders
  rm -f "$TANDEM_STATE/booted" "$TANDEM_STATE/boot-failed" "$TANDEM_STATE/boot-error"
  : >"$TANDEM_RUN/boot-begun" # forgotten with the power, unlike what is below /var
  printf '%s\n' "$EPOCHSECONDS" >"$TANDEM_STATE/boot-started"
  BOOTING=yes
  trap boot_ended EXIT
}

# Runs at the end of a boot script, whichever way it ends: what `launch` waits for is one of two files.
boot_ended() {
  local code=$? words
  if ((code == 0)); then
    printf '%s\n' "$EPOCHSECONDS" >"$TANDEM_STATE/booted"
    return
  fi
  words="$(cat "$TANDEM_STATE/boot-error" 2>/dev/null || printf 'the boot script ended with %s' "$code")"
  if ((code != SHARED_FAULT)); then code=$OWN_FAULT; fi
  printf '%s %s\n' "$code" "$words" >"$TANDEM_STATE/boot-failed"
}
