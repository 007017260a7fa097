<?php
// What the balancer's probes see: nginx and PHP work. No database on purpose: a failover must not replace web nodes.
header('Content-Type: text/plain; charset=utf-8');
header('Cache-Control: no-store');
echo "ok\n";
