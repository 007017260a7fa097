# shellcheck shell=bash
# The shared Memcached on a web node: which servers there are. Needs lib.sh.
# PHP's extension does not know ElastiCache's auto discovery, so the node asks and keeps the list.

readonly CACHE_SERVERS="$TANDEM_ETC/cache-servers" # one ADDRESS:PORT a line
readonly CACHE_WAIT_SECONDS=5
readonly CACHE_LINES_MAX=5 # of an answer: CONFIG, version, nodes, empty line, END

has_cache() { [[ -n ${TANDEM_CACHE-} ]]; }

# ask_cache: asks the configuration endpoint; keeps the list of servers. 1 if it does not tell one.
ask_cache() {
  local socket line member name address port count nodes="" list=""
  { exec {socket}<>"/dev/tcp/${TANDEM_CACHE%:*}/${TANDEM_CACHE##*:}"; } 2>/dev/null || return 1
  { printf 'config get cluster\r\n' >&"$socket"; } 2>/dev/null || true # a closed peer shows below
  for ((count = 1; count <= CACHE_LINES_MAX; count++)); do
    IFS= read -r -t 2 -u "$socket" line || break
    if ((count == 1)) && [[ $line != CONFIG\ cluster* ]]; then break; fi
    if ((count == 3)); then nodes="${line%$'\r'}"; fi
  done
  exec {socket}>&-
  for member in $nodes; do # NAME|ADDRESS|PORT; AWS may leave the address out
    IFS='|' read -r name address port <<<"$member"
    list+="${address:-$name}:$port"$'\n'
  done
  [[ -n $list ]] || return 1
  printf '%s' "$list" >"$CACHE_SERVERS.part"
  mv "$CACHE_SERVERS.part" "$CACHE_SERVERS"
}

cache_answers() {
  again "$CACHE_WAIT_SECONDS" ask_cache || fail "$SHARED_FAULT" "the cache's endpoint $TANDEM_CACHE does not tell its servers"
  # shellcheck disable=SC2034 # read by `step`
  STEP_DETAIL="$(tr '\n' ' ' <"$CACHE_SERVERS")"
}
