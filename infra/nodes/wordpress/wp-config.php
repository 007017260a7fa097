<?php
// Everything that differs between farms comes from the environment of the PHP pool and from the secrets file that the
// boot script wrote; see infra/nodes/boot-web.sh.

/** Which of Secrets Manager's values WordPress gets; each key and salt is derived from the farm's seed when only that is stored. */
(static function (): void {
    $file = getenv('TANDEM_SECRETS');
    $secrets = json_decode((string) file_get_contents((string) $file), true, 8, JSON_THROW_ON_ERROR);
    define('DB_USER', $secrets['database']['username']);
    define('DB_PASSWORD', $secrets['database']['password']);
    $salts = $secrets['salts'];
    foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $scheme) {
        foreach (["{$scheme}_KEY", "{$scheme}_SALT"] as $name) {
            define($name, $salts[$name] ?? hash_hmac('sha256', $name, $salts['seed']));
        }
    }
})();

define('DB_NAME', 'wordpress');
define('DB_HOST', getenv('TANDEM_LOOPBACK') . ':3306'); // HAProxy on this node, which knows the writer
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

define('WP_HOME', getenv('TANDEM_SITE_URL'));
define('WP_SITEURL', getenv('TANDEM_SITE_URL'));
if (($_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '') === 'https') {
    $_SERVER['HTTPS'] = 'on';
}

define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_AUTO_UPDATE_CORE', false);
define('DISALLOW_FILE_MODS', true); // nodes are replaced, not changed: a new version comes with a new image
define('WP_DEBUG', false);

if (!defined('ABSPATH')) {
    define('ABSPATH', __DIR__ . '/');
}
require_once ABSPATH . 'wp-settings.php';
