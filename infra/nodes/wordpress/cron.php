<?php
// WordPress's scheduled events that are due, by its own wp-cron.php. On the command line that ends when they have run: a
// request to it is answered before they begin, and nobody would know how long they take and whether they fail.

$_SERVER['HTTP_HOST'] = (string) preg_replace('#^[a-z]+://([^/]+).*$#', '$1', (string) getenv('TANDEM_SITE_URL'));
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_URI'] = '/wp-cron.php';
$_SERVER['REQUEST_METHOD'] = 'GET';

require getenv('TANDEM_DOCROOT') . '/wp-cron.php';
