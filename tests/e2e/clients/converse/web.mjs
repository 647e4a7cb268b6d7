// Alice and Bob in two browsers: they log in, chat, meet in a room, and find everything again after a reload.
//
//   node web.mjs PICTURES URL [CUT]
//
// CUT is printed when the board that serves the page is to die; they go on without it.
import { chromium } from "playwright-core";

const [pictures, url, cut] = process.argv.slice(2);
const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
});

async function logIn(name) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(url);
    await fillIn(page, name);
    return page;
}

async function fillIn(page, name) {
    await page.fill("input[name=jid]", name);
    await page.fill("input[name=password]", name);
    await page.click("converse-login-form [type=submit]");
    await page.waitForSelector("converse-user-profile", { state: "visible" });
}

async function chat(page, name) {
    await page.evaluate((jid) => window.openChat(jid), `${name}@localhost`);
    await page.locator("converse-chat textarea.chat-textarea").waitFor();
}

async function room(page) {
    await page.evaluate(() => window.openRoom("garden@rooms.localhost"));
    await page.locator("converse-muc textarea.chat-textarea").waitFor();
}

async function say(page, text) {
    const field = page.locator("textarea.chat-textarea:visible");
    await field.fill(text);
    await field.press("Enter");
    await hear(page, text);
}

const hear = (page, text) => page.locator(".chat-msg__text:visible", { hasText: text }).first().waitFor();

// A green square of 2x2, so that what is seen is what was sent.
const PICTURE = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAD0lEQVR42mNgmMAAQhAKAA/OAkFcNtvvAAAAAElFTkSuQmCC",
    "base64",
);

async function showPicture(page) {
    // It is there as soon as the service for files is found.
    const field = page.locator("converse-chat input.fileupload");
    await field.waitFor({ state: "attached" });
    await field.setInputFiles({ name: "square.png", mimeType: "image/png", buffer: PICTURE });
}

async function seePicture(page) {
    const picture = page.locator("converse-chat img.chat-image").first();
    await picture.waitFor();
    await picture.evaluate((image) => image.decode());
    const size = await picture.evaluate((image) => [image.naturalWidth, image.naturalHeight]);
    if (`${size}` !== "2,2") throw new Error(`the picture has ${size}`);
}

const show = (page, name) => page.screenshot({ path: `${pictures}/${name}.png` });

const alice = await logIn("alice");
const bob = await logIn("bob");
try {
    await chat(alice, "bob");
    await chat(bob, "alice");
    await say(alice, "Hello Bob");
    await hear(bob, "Hello Bob");
    await say(bob, "Hello Alice");
    await hear(alice, "Hello Alice");
    if (!cut) {
        await showPicture(alice);
        await Promise.all([seePicture(alice), seePicture(bob)]);
    }
    await show(alice, "chat");

    await room(alice);
    await say(alice, "What a garden");
    await room(bob);
    await hear(bob, "What a garden");
    await say(bob, "Indeed");
    await hear(alice, "Indeed");
    await show(bob, "room");

    if (cut) {
        console.log(cut);
        await say(alice, "The board is gone");
        await hear(bob, "The board is gone");
        await say(bob, "And we are not");
        await hear(alice, "And we are not");
        await show(alice, "other-board");
    } else {
        await bob.reload();
        await bob.waitForSelector("input[name=password], converse-user-profile", { state: "visible" });
        if (await bob.locator("input[name=password]").count()) await fillIn(bob, "bob");
        await chat(bob, "alice");
        await hear(bob, "Hello Bob");
        await show(bob, "after-reload");
    }
    console.log("passed");
} catch (error) {
    await show(alice, "failed-alice");
    await show(bob, "failed-bob");
    throw error;
} finally {
    await browser.close();
}
