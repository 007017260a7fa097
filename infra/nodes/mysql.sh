# shellcheck shell=bash
# How the scripts of a database node talk to mysqld. Needs lib.sh.

readonly TANDEM_DATADIR="$TANDEM_ROOT/var/lib/mysql"
# Below /etc/mysql because Ubuntu's AppArmor profile lets mysqld read there.
TANDEM_MY_CNF="${TANDEM_ROOT:+$TANDEM_ETC/my.cnf}"
: "${TANDEM_MY_CNF:=/etc/mysql/tandem.cnf}"

# mysql_root ARGUMENTS...: as root through the socket, from inside the data folder because of the socket's length limit.
mysql_root() {
  (cd "$TANDEM_DATADIR" && "$(program mysql)" --no-defaults --socket=mysqld.sock --user=root --batch --skip-column-names --connect-timeout=2 "$@")
}

mysql_answers() { mysql_root --execute='SELECT 1' >/dev/null 2>&1; }

sql_quote() { # a text as an SQL literal
  local text="${1//\\/\\\\}"
  printf "'%s'" "${text//\'/\'\'}"
}

responder_answers() { # 200 or 503: either is an answer
  http_get "$TANDEM_BIND" 9200 /writer 1 || [[ $HTTP_STATUS == 503 ]]
}
