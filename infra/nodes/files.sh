# shellcheck shell=bash
# The shared files on a web node: mount, proof and check. Needs lib.sh.
#
# On EC2 the share is mounted by NFS 4.1, or by the EFS mount helper with TLS where the image has it. The sandbox has no
# kernel NFS client and may not mount: there the mount point is a link to the share's folder on this computer. That link
# is the simulated part; the proof, the report and the exit codes are the same.

readonly SHARE_POINT="$TANDEM_ROOT/srv/tandem/share"
readonly SHARE_SECONDS_MAX=10 # for any touch of the share: a server that is away hangs its clients
readonly SHARE_KNOCK_SECONDS=5
readonly NFS_OPTIONS=nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport
readonly MOUNT_FAILED=32 # of mount(8): the server's or the network's doing; other codes are this node's own

has_share() { [[ -n ${TANDEM_SHARE-} ]]; }
share_host() { printf '%s' "${TANDEM_SHARE%%:/*}"; }
share_folder() { printf '%s/%s' "${TANDEM_SHARES:?}" "$(share_host | cut -d. -f1)"; } # in the sandbox only

# Whether the share's server is there at all, for whoever asks.
share_answers() {
  if [[ -n $TANDEM_ROOT ]]; then
    [[ -d "$(share_folder)/." ]]
  else
    # shellcheck disable=SC2016 # expanded by the inner shell
    timeout "$SHARE_KNOCK_SECONDS" bash -c 'exec 3<>"/dev/tcp/$0/2049"' "$(share_host)" 2>/dev/null
  fi
}

# Whether this node's mount point is the share. It reads no file of it, so it does not hang.
share_mounted() {
  local point type
  if [[ -n $TANDEM_ROOT ]]; then
    [[ "$(readlink "$SHARE_POINT" 2>/dev/null)" == "$(share_folder)" ]]
    return
  fi
  while read -r _ point type _; do
    if [[ $point == "$SHARE_POINT" && $type == nfs4 ]]; then return 0; fi
  done </proc/self/mounts
  return 1
}

# mount_share: 0 when the share is mounted. Otherwise SHARE_FAULT is whose fault it is, and SHARE_WORDS what is wrong.
mount_share() {
  local code=0
  # shellcheck disable=SC2153 # the exit code of lib.sh
  SHARE_FAULT=$SHARED_FAULT SHARE_WORDS=""
  if share_mounted; then return 0; fi
  if ! share_answers; then
    SHARE_WORDS="the server of the shared files ($TANDEM_SHARE) does not answer"
    return 1
  fi
  if [[ -n $TANDEM_ROOT ]]; then link_share || code=$?; else nfs_mount || code=$?; fi
  if ((code == 0)); then return 0; fi
  if ((code != MOUNT_FAILED && code != 124)); then SHARE_FAULT=$OWN_FAULT; fi # 124: out of time
  SHARE_WORDS="the shared files cannot be mounted: ${SHARE_WORDS##*$'\n'}"
  return 1
}

link_share() {
  SHARE_WORDS="$(
    exec 2>&1
    mkdir -p "${SHARE_POINT%/*}" || exit 1
    if [[ -e $SHARE_POINT && ! -L $SHARE_POINT ]]; then
      printf '%s is there and is no mount point\n' "$SHARE_POINT"
      exit 1
    fi
    ln -sfn "$(share_folder)" "$SHARE_POINT"
  )"
}

nfs_mount() {
  local command=(mount -t nfs4 -o "$NFS_OPTIONS" "$TANDEM_SHARE" "$SHARE_POINT")
  if [[ ${TANDEM_SHARE_MOUNT-} == efs ]]; then command=(mount -t efs -o tls "$(share_host | cut -d. -f1)" "$SHARE_POINT"); fi
  SHARE_WORDS="$(mkdir -p "$SHARE_POINT" 2>&1)" || return 1
  SHARE_WORDS="$(timeout -k 1 "$SHARE_SECONDS_MAX" "${command[@]}" 2>&1)"
}

unmount_share() {
  if [[ -n $TANDEM_ROOT ]]; then
    rm -f "$SHARE_POINT"
  elif share_mounted; then
    timeout -k 1 "$SHARE_SECONDS_MAX" umount -l "$SHARE_POINT"
  fi
}

# write_and_read: writes this node's sentinel on the share, flushes it and reads it back; prints what went wrong.
write_and_read() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  timeout -k 1 "$SHARE_SECONDS_MAX" bash -c '
    set -e
    if [[ ! -d $1/uploads ]]; then
      mkdir -p "$1/uploads"
      if [[ -z $4 ]]; then chown www-data: "$1/uploads"; fi
    fi
    mkdir -p "$1/.tandem"
    printf "%s\n" "$3" >"$1/.tandem/$2"
    sync "$1/.tandem/$2"
    read -r back <"$1/.tandem/$2"
    if [[ $back != "$3" ]]; then printf "its sentinel came back as %s\n" "$back"; exit 1; fi
  ' prove "$SHARE_POINT" "$TANDEM_INSTANCE_ID" "$(now_ms) $RANDOM" "$TANDEM_ROOT" 2>&1
}

# Another node whose sentinel can be read here: that both see one share. Nothing when this is the only node.
seen_peer() {
  # shellcheck disable=SC2016 # expanded by the inner shell
  timeout -k 1 "$SHARE_SECONDS_MAX" bash -c '
    for file in "$1"/.tandem/*; do
      if [[ ${file##*/} != "$2" ]] && read -r _ <"$file"; then printf "%s" "${file##*/}"; exit; fi
    done' peer "$SHARE_POINT" "$TANDEM_INSTANCE_ID" 2>/dev/null || true
}

# prove_share: mounts, writes and reads. A handle that went stale is mounted anew, once. Ends the script when it fails:
# 10 only when the server answers and this node's own mount is what is broken; what would fail on every node is 20.
prove_share() {
  local words peer
  mount_share || fail "$SHARE_FAULT" "$SHARE_WORDS"
  if ! words="$(write_and_read)"; then
    if [[ $words == *[Ss]tale* || $words == *"nput/output error"* ]]; then
      unmount_share || true # a busy mount point is left to the next line, which says what is wrong
      mount_share || fail "$SHARE_FAULT" "$SHARE_WORDS"
      words="$(write_and_read)" || fail "$(share_answers && printf '%s' "$OWN_FAULT" || printf '%s' "$SHARED_FAULT")" \
        "the shared files cannot be used, also after a new mount: ${words##*$'\n'}"
    else
      fail "$SHARED_FAULT" "the shared files cannot be used: ${words##*$'\n'}"
    fi
  fi
  peer="$(seen_peer)"
  # shellcheck disable=SC2034 # read by `step`
  STEP_DETAIL="$TANDEM_SHARE, written and read back${peer:+, sentinel of $peer seen}"
  keep "$TANDEM_RUN/share" 1
}

# check_share: keeps 1 or 0 for the report: whether the sentinel can still be read through the mount. Bounded.
check_share() {
  local state=0
  # shellcheck disable=SC2016 # expanded by the inner shell
  if share_mounted && timeout -k 1 "$SHARE_KNOCK_SECONDS" bash -c 'read -r _ <"$0"' "$SHARE_POINT/.tandem/$TANDEM_INSTANCE_ID" 2>/dev/null; then
    state=1
  fi
  keep "$TANDEM_RUN/share" "$state"
}

# leave_share: takes the sentinel away and unmounts; a share that is away does not hold a node that leaves.
leave_share() {
  rm -f "$TANDEM_RUN/share"
  if share_mounted && share_answers; then
    timeout -k 1 "$SHARE_SECONDS_MAX" rm -f "$SHARE_POINT/.tandem/$TANDEM_INSTANCE_ID" || note "the sentinel stays on the share"
  fi
  unmount_share || note "the share stays mounted until power-off"
}
