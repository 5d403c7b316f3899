// Reviews four rows in headless Chromium with the keyboard alone; prints what it saw.
import { createRequire } from "node:module";
const [playwright, browser, address, pictures] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(playwright);
const running = await chromium.launch({
  executablePath: browser,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
const seen = { errors: [] };
const page = await running.newPage({ viewport: { width: 1280, height: 860 } });
page.setDefaultTimeout(20000);
page.on("pageerror", (error) => seen.errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
page.on("request", (request) => (seen.hosts ??= new Set()).add(new URL(request.url()).host));
const told = () => page.locator("#said").textContent();
const counts = () => page.locator("#counts").textContent();
const title = () => page.locator("#headline").textContent();
const picture = async (name) => pictures && (await page.screenshot({ path: `${pictures}/${name}.png` }));
const verdict = async (row, word) => page.waitForFunction(([n, w]) => document.querySelector("#said").textContent === `Row ${n}: ${w}`, [row, word]).catch(async () => { throw new Error(`wanted row ${row} ${word}, it says: ${await told()}`); });

await page.goto(address);
await page.waitForSelector("#fields textarea");
seen.url = page.url().replace(/#.*/, "");
seen.first = await title();
seen.counts = await counts();
seen.labels = await page.locator(".field > label").allTextContents();
await picture("first");

await page.keyboard.press("a"); // row 1
await verdict(1, "accepted");
seen.second = await title();

await page.keyboard.press("1"); // row 2: an answer that breaks the contract, then a good one
await page.keyboard.press("Control+a");
await page.keyboard.type("No");
await page.keyboard.press("Control+Enter");
await page.waitForSelector(".wrong");
seen.refused = await told();
await page.keyboard.press("Control+a");
await page.keyboard.type("Mended by hand <b>& kept</b>");
await picture("edited");
await page.keyboard.press("Escape"); // leaves the field only
await page.keyboard.press("j");
seen.guarded = await told();
await page.keyboard.press("Control+Enter");
await verdict(2, "edited");

await page.keyboard.press("r"); // row 3
await verdict(3, "rejected");
await page.keyboard.press("k");
await page.waitForFunction(() => location.hash === "#3");
seen.rejected = await page.locator("#made b").textContent();
await page.keyboard.press("u");
await verdict(3, "open");
await page.keyboard.press("r");
await verdict(3, "rejected");
seen.after = await counts();

await page.reload(); // nothing is lost, and it is the same row
await page.waitForSelector("#fields textarea");
seen.reloaded = { hash: new URL(page.url()).hash, counts: await counts() };
await page.keyboard.press("k");
await page.waitForFunction(() => location.hash === "#3");
await page.keyboard.press("k");
await page.waitForFunction(() => location.hash === "#2");
seen.edited = await page.locator("textarea[name=title]").inputValue();
await page.keyboard.press("s");
await page.waitForSelector("dialog#statistics[open]");
seen.statistics = await page.locator("#numbers").innerText();
await picture("statistics");
await page.keyboard.press("Escape");
await page.keyboard.press("?");
await page.waitForSelector("dialog#help[open]");
await picture("keys");
await page.keyboard.press("Escape");

if (pictures) {
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 420, height: 860 });
  await picture("narrow");
  await page.setViewportSize({ width: 1280, height: 860 });
  await page.pdf({ path: `${pictures}/print.pdf`, format: "A4" });
}
const stranger = await running.newContext(); // another profile: the address works once
const other = await stranger.newPage();
seen.again = (await other.goto(address)).status();
await page.keyboard.press("q");
await page.waitForFunction(() => document.querySelector("#said").textContent.includes("has ended"));
seen.hosts = [...seen.hosts];
console.log(JSON.stringify(seen));
await running.close();
