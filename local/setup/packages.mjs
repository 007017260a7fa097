/**
 * What the machines of the local farm run, and where it comes from when the machine has none that is new enough.
 *
 * `commands`: names to look for on PATH; `min`: oldest version that has what the node scripts use; `why` says what that is.
 * `packages`: Debian's names. `archive`: "own" = the suites that this machine uses, "newest" = Debian's sid, where MySQL is.
 * `unversioned`: those commands that do not tell a version. `optional`: the farm starts without it too.
 */
export const PROGRAMS = [
  {
    name: "mysql",
    commands: ["mysqld", "mysql"],
    min: [8, 4],
    why: "the new replication verbs and super_read_only",
    packages: ["mysql-server-core", "mysql-client-core"],
    archive: "newest",
    reject: /mariadb/i,
  },
  {
    name: "mariadb",
    commands: ["mariadbd", "mariadb", "mariadb-backup", "mbstream", "mariadb-install-db"],
    unversioned: ["mbstream", "mariadb-install-db"],
    min: [10, 11],
    why: "READ_ONLY ADMIN apart from SUPER; only for --flavour mariadb",
    packages: ["mariadb-server-core", "mariadb-client-core", "mariadb-backup", "libmariadb3"],
    archive: "own",
    optional: true,
  },
  { name: "nginx", commands: ["nginx"], min: [1, 18], why: "", packages: ["nginx"], archive: "own" },
  {
    name: "php",
    commands: ["php-fpm", "php"],
    min: [8, 1],
    why: "pm.status_listen",
    packages: ["php-fpm", "php-cli", "php-mysql", "php-mbstring", "php-xml", "php-curl", "php-gd", "php-memcached"],
    archive: "own",
    modules: ["mysqli", "mbstring", "xml", "curl", "gd", "memcached", "zend opcache"],
  },
  { name: "haproxy", commands: ["haproxy"], min: [2, 2], why: "http-check", packages: ["haproxy"], archive: "own" },
  {
    name: "memcached",
    commands: ["memcached"],
    min: [1, 6],
    why: "meta commands",
    packages: ["memcached"],
    archive: "own",
  },
  { name: "jq", commands: ["jq"], min: [1, 5], why: "", packages: ["jq"], archive: "own" },
  { name: "curl", commands: ["curl"], min: [7, 75], why: "--aws-sigv4", packages: ["curl"], archive: "own" },
  { name: "openssl", commands: ["openssl"], min: [1, 1], why: "", packages: ["openssl"], archive: "own" },
  { name: "shellcheck", commands: ["shellcheck"], min: [0, 8], why: "", packages: ["shellcheck"], archive: "own" },
  {
    name: "python",
    commands: ["python3"],
    min: [3, 8],
    why: "the writer responder",
    packages: ["python3-pymysql"],
    archive: "own",
  },
];

/** Always unpacked: a WordPress that the machine may have is the administrator's, not ours to build upon. */
export const WORDPRESS = { packages: ["wordpress", "wordpress-theme-twentytwentythree"], theme: "twentytwentythree" };

/**
 * In the closure of the packages, but of no use in a private folder: other programs that the dependency names as an
 * alternative, and what only serves installation. A package that is asked for by its name is taken all the same.
 */
export const UNUSED = [
  /^apache2/,
  /^libapache2-/,
  /^libapr/,
  /^(default-mysql|mariadb|libmariadb|mysql-common)/,
  /^(perl|libperl)/,
  /-perl$/,
  /^libgdbm/,
  /^(adduser|debconf|dpkg|init-system-helpers|iproute2|lsb-base|passwd|procps|psmisc|sensible-utils|sysvinit-utils|tar|ucf|usrmerge)$/,
  /^(systemd|dmsetup|libsystemd-shared|libcryptsetup|libdevmapper)/,
  /^php-common$/,
  /^gcc-.*-base$/,
  /^(libc-gconv-modules-extra|openssl-provider-legacy|libsasl2-modules-db)$/,
];

/** Taken even when the machine has them installed: WordPress refers to their files by relative links. */
export const ALWAYS = [/^wordpress/, /^libjs-/, /^php-getid3$/];

/** PHP extensions in the order in which they must be loaded; those that this PHP has built in are left out. */
export const PHP_EXTENSIONS = [
  "opcache",
  "mysqlnd",
  "xml",
  "ctype",
  "curl",
  "dom",
  "exif",
  "fileinfo",
  "gd",
  "iconv",
  "igbinary",
  "mbstring",
  "msgpack",
  "memcached",
  "mysqli",
  "phar",
  "posix",
  "simplexml",
  "sockets",
  "tokenizer",
  "xmlreader",
  "xmlwriter",
];
