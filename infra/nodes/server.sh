# shellcheck shell=bash
# How the scripts of a database node talk to its server, whichever of the two flavours it is. Needs lib.sh.
#
# A flavour's file gives SERVER, CLIENT and SERVER_PROGRAMS (what else it runs), SERVER_NAME (in words), SERVER_PACKAGES,
# SERVER_ROOT (the account of the socket), DATA_MARK (a file that only its data folders have), CLIENT_TLS (a line of an
# option file), and the functions initialise, prepare_tls, accounts_known, end_accounts and accounts_failed.

readonly TANDEM_DATADIR="$TANDEM_ROOT/var/lib/mysql"
# Below /etc/mysql because Ubuntu's AppArmor profile lets mysqld read there.
TANDEM_MY_CNF="${TANDEM_ROOT:+$TANDEM_ETC/my.cnf}"
: "${TANDEM_MY_CNF:=/etc/mysql/tandem.cnf}"

if [[ ${TANDEM_FLAVOUR-} == mysql ]]; then
  # shellcheck source=infra/nodes/mysql.sh
  source "$TANDEM_FILES/mysql.sh"
elif [[ ${TANDEM_FLAVOUR-} == mariadb ]]; then
  # shellcheck source=infra/nodes/mariadb.sh
  source "$TANDEM_FILES/mariadb.sh"
else
  fail "$OWN_FAULT" "TANDEM_FLAVOUR is '${TANDEM_FLAVOUR-}': mysql and mariadb are known"
fi

# server_root ARGUMENTS...: through the socket, from inside the data folder because of the socket's length limit.
server_root() {
  (cd "$TANDEM_DATADIR" && "$(program "$CLIENT")" --no-defaults --socket=mysqld.sock --user="$SERVER_ROOT" --batch --skip-column-names --connect-timeout=2 "$@")
}

server_answers() { server_root --execute='SELECT 1' >/dev/null 2>&1; }

sql_quote() { # a text as an SQL literal
  local text="${1//\\/\\\\}"
  printf "'%s'" "${text//\'/\'\'}"
}

responder_answers() { # 200 or 503: either is an answer
  http_get "$TANDEM_BIND" 9200 /writer 1 || [[ $HTTP_STATUS == 503 ]]
}
