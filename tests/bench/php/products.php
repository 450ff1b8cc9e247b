<?php
// A page of the list: 20 of them, and how many there are; app/templates/products.html and card.html. As in shopd the
// products are counted once a second.
declare(strict_types=1);

require __DIR__ . '/shop.php';

const PAGE_SIZE = 20;

$page = (int) ($_GET['page'] ?? 1);
$total = apcu_fetch('products', $counted);
$products = database()->execute_query(
    'SELECT ' . PRODUCT_COLUMNS . ($counted ? '' : ', (SELECT COUNT(*) FROM products) AS total')
    . ' FROM products ORDER BY id LIMIT ? OFFSET ?',
    [PAGE_SIZE, ($page - 1) * PAGE_SIZE],
)->fetch_all(MYSQLI_ASSOC);
if (!$counted) {
    $total = $products[0]['total'] ?? 0;
    apcu_store('products', $total, 1);
}
$pages = max(1, intdiv($total + PAGE_SIZE - 1, PAGE_SIZE));
if ($page > $pages) {
    http_response_code(404);
    exit;
}

$cards = '';
foreach ($products as $product) {
    $id = html($product['id']);
    $name = html($product['name']);
    $category = html($product['category']);
    $price = html(price($product['price_cents']));
    $sold_out = $product['stock'] > 0 ? '' : ' · <strong>sold out</strong>';
    $cards .= <<<HTML
        <li class="card">
        <div class="tile" data-category="$category" aria-hidden="true"></div>
        <p class="kind">$category$sold_out</p>
        <a href="/products/$id">$name</a>
        <p class="price">$price EUR</p>
        </li>

        HTML;
}
$previous = $page === 1 ? '' : '<a class="button" rel="prev" href="?page=' . html($page - 1)
    . '">← Previous<span class="hidden"> page</span></a>' . "\n";
$next = $page === $pages ? '' : '<a class="button" rel="next" href="?page=' . html($page + 1)
    . '">Next<span class="hidden"> page</span> →</a>' . "\n";
answer(head('Products', 'page') . <<<HTML
    <h1>Products</h1>
    <p class="lead">$total products, page $page of $pages</p>
    <form class="search" role="search" action="/search">
    <input type="search" name="q" value="" maxlength="100" aria-label="Words to search for">
    <button class="button">Search</button>
    </form>
    <ul class="shelf" role="list">
    $cards</ul>
    <nav class="pages" aria-label="Pages">
    $previous<span><span class="hidden">Page </span>$page of $pages</span>
    $next</nav>

    HTML . foot());
