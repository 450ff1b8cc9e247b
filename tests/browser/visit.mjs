// A visit to the shop, as a person makes it: look around, search, fill the cart, sign up, buy, reload the confirmation,
// read the receipt, look at the orders, sign out.
//
//   node visit.mjs WIDTH SCRIPTS     WIDTH: phone or desktop; SCRIPTS: on or off (JavaScript in the browser)
//
// Prints a line a step. Ends with 1 at the first thing that is wrong: a step that does not work, any error or warning in
// the browser's console (a violation of the Content-Security-Policy is one), a request that failed, a page that is wider
// than the screen, or something that axe-core finds. Screenshots go to /results.
import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const SITE = "http://www.foobar.com";
const WIDTHS = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 900 } };
const PATIENCE_MS = 45000;

const [width, scripts] = process.argv.slice(2);
assert.ok(width in WIDTHS && ["on", "off"].includes(scripts), "usage: visit.mjs phone|desktop on|off");

const visitor = { name: "Ada <b>Lovelace</b>", email: `${randomUUID()}@example.org`, password: `long ${randomUUID()}` };
const axe = await readFile("node_modules/axe-core/axe.min.js", "utf8");
const complaints = [];
let pictures = 0;
let refusal = null; // a status that is meant to come: the browser's console has a line for each

// Without a proxy, an update, or anything else that Chromium would ask the Internet for.
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run"],
});
const context = await browser.newContext({ viewport: WIDTHS[width], javaScriptEnabled: scripts === "on" });
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE_MS);
page.on("console", (message) => {
  const meant = refusal !== null && message.text().includes(`status of ${refusal}`);
  if (["error", "warning"].includes(message.type()) && !meant) {
    complaints.push(`console: ${message.text()}`);
  }
});
page.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
// Aborted: the visitor was quicker than the icon.
page.on("requestfailed", (request) => {
  if (request.failure().errorText !== "net::ERR_ABORTED") {
    complaints.push(`request: ${request.url()}: ${request.failure().errorText}`);
  }
});

// What only a script in the page can find out.
async function measure(name) {
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - window.innerWidth);
  assert.ok(wide <= 0, `${name} is ${wide} pixels wider than the screen`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  const found = violations.map((v) => `${v.id}: ${v.help}: ${v.nodes[0].html}`);
  assert.deepEqual(found, [], `axe-core finds nothing on ${name}`);
}

// What a page must be, whatever is on it.
async function look(name) {
  pictures += 1;
  const number = String(pictures).padStart(2, "0");
  await page.screenshot({ path: `/results/${width}-scripts-${scripts}-${number}-${name}.png`, fullPage: true });
  if (scripts === "on") {
    await measure(name);
  }
  assert.equal(await page.getByRole("heading", { level: 1 }).count(), 1, `${name} has one heading of the first level`);
  for (const term of ["Node", "Database", "Cache", "Sessions", "Request"]) {
    assert.equal(await page.locator("footer dt", { hasText: term }).count(), 1, `${name} tells ${term} in its footer`);
  }
  assert.deepEqual(complaints, [], `the browser has nothing to complain of on ${name}`);
  console.log(`ok ${name}`);
}

const link = (name) => page.getByRole("link", { name, exact: true });
const button = (name) => page.getByRole("button", { name, exact: true });

async function press(name) {
  await button(name).click();
  await page.waitForLoadState("load");
}

async function lookAround() {
  const answer = await page.goto(`${SITE}/`);
  assert.equal(answer.status(), 200);
  await look("home");
  // The first stop of the Tab key is the way past the navigation.
  await page.keyboard.press("Tab");
  assert.equal(await page.locator(":focus").getAttribute("href"), "#main");
  await page.goto(`${SITE}/products?page=2`);
  await look("list");
}

async function search() {
  await page.goto(`${SITE}/search`);
  await page.getByRole("searchbox").last().fill("enamel mug");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=enamel/);
  await look("search");
  assert.ok(await page.locator("mark").count() > 0, "what was found is marked");
}

async function fillTheCart() {
  await page.goto(`${SITE}/products/1`);
  await look("product");
  await page.getByLabel("Pieces", { exact: true }).fill("2");
  await press("Add to cart");
  await page.waitForURL(`${SITE}/cart`);
  await look("cart");
  assert.ok(await page.getByText("Enamel Mug, 350 ml, Forest Green").count() > 0, "the mug is in the cart");
}

async function signUp() {
  const field = (name) => page.getByLabel(name, { exact: true });
  await link("Go to the checkout").click();
  await page.waitForURL(/\/login\?next=/);
  await look("sign-in");
  await link("Create an account").click();
  await page.waitForURL(/\/signup/);
  await field("Name").fill(visitor.name);
  await field("E-mail address").fill(visitor.email);
  await field("Password").fill("short");
  refusal = 422;
  await press("Create account");
  await look("sign-up-refused");
  refusal = null;
  assert.equal(await field("E-mail address").inputValue(), visitor.email, "what was typed is still there");
  assert.equal(await field("Password").inputValue(), "", "but for the password");
  await field("Password").fill(visitor.password);
  await press("Create account");
  await page.waitForURL(`${SITE}/checkout`);
}

async function buy() {
  const order = page.getByRole("button", { name: /^Buy for / });
  await look("checkout");
  await order.click();
  await page.waitForURL(/\/orders\/[0-9a-f-]{36}$/);
  await look("confirmation");
  const confirmation = page.url();
  await page.reload();
  assert.equal(page.url(), confirmation, "a reload is the same order");
  // Back to the page from before, with its operation; a browser that asks for it anew finds an empty cart.
  await page.goBack();
  if (await order.count() > 0) {
    await order.click();
    await page.waitForLoadState("load");
  }
  await receipt(confirmation);
  await page.goto(`${SITE}/orders`);
  await look("orders");
  assert.equal(await page.locator('main a[href^="/orders/"]').count(), 1, "one order, whatever was pressed");
  assert.equal(await page.locator(`main a[href="${new URL(confirmation).pathname}"]`).count(), 1, "and it is this one");
  return confirmation;
}

// The worker writes it some time after the order.
async function receipt(confirmation) {
  const text = page.getByLabel("Receipt", { exact: true });
  const deadline = Date.now() + PATIENCE_MS;
  do {
    assert.ok(Date.now() < deadline, "the receipt is written in time");
    await page.goto(confirmation);
  } while (await text.count() === 0);
  await look("receipt");
  const [number] = new URL(confirmation).pathname.split("/").slice(-1);
  assert.ok((await text.innerText()).includes(number), "it names its order");
}

async function signOut(order) {
  await press("Sign out");
  await page.goto(order);
  await page.waitForURL(/\/login\?next=/);
  await look("signed-out");
}

try {
  await lookAround();
  await search();
  await fillTheCart();
  await signUp();
  await signOut(await buy());
} catch (error) {
  await page.screenshot({ path: `/results/${width}-scripts-${scripts}-failed.png`, fullPage: true }).catch(() => {});
  console.error(`not ok at ${page.url()}: ${error.message}`);
  complaints.forEach((complaint) => console.error(`  ${complaint}`));
  process.exitCode = 1;
} finally {
  await browser.close();
}
