// What the @xmpp/client scenarios share: which server, one logged-in client, and waiting for what it hears.
//
// The server comes from XMPP_HOST, XMPP_PORT, XMPP_DOMAIN and XMPP_ROOMS, and its certificate from the PEM file in
// NODE_EXTRA_CA_CERTS: this client takes STARTTLS wherever it is offered. Accounts have their name as their password.
// Nothing here sleeps in order to wait.

import { client, xml } from "@xmpp/client";

export { xml };
export const { XMPP_HOST: HOST, XMPP_PORT: PORT, XMPP_DOMAIN: DOMAIN, XMPP_ROOMS: ROOMS } = process.env;

// Milliseconds until an expected event counts as missing. Far above what a loaded machine needs.
const PATIENCE_MS = 10_000;

/** One device of one account, with an inbox of every message and presence that nobody expected yet. */
export class Session {
  constructor(user, { resource, password = user, mechanism } = {}) {
    const credentials = async (authenticate, mechanisms, fast, entity) => {
      this.offered = mechanisms;
      this.mechanism = mechanism ?? mechanisms.find((name) => name !== "PLAIN" || entity.isSecure());
      const agent = xml("user-agent", { id: crypto.randomUUID() });
      await authenticate({ username: user, password }, this.mechanism, agent);
    };
    const service = `xmpp://${HOST}:${PORT}`;
    this.xmpp = client({ service, domain: DOMAIN, resource, credentials, timeout: PATIENCE_MS });
    this.xmpp.jid = null;
    this.xmpp.reconnect.stop();
    this.inbox = [];
    this.waiting = new Set();
    this.xmpp.on("error", (error) => (this.error = error));
    this.xmpp.on("stanza", (stanza) => {
      if (stanza.name === "iq") return;
      this.inbox.push(stanza);
      for (const look of [...this.waiting]) look();
    });
  }

  /**
   * Logs in and becomes available; `roster: false` asks nothing before that.
   *
   * COMPAT(@xmpp/client 0.14.0): it leaves the answers to its own IQs out of its count of handled stanzas, so that a
   * server has to send the last stanzas again after a resumption. Where repeats matter, a session asks nothing.
   */
  async login({ roster = true } = {}) {
    const managed = new Promise((resolve) => {
      this.xmpp.on("nonza", (nonza) => nonza.is("enabled", "urn:xmpp:sm:3") && resolve());
    });
    this.jid = await inTime(this.xmpp.start(), "login");
    // It starts counting a moment after <enabled/> has come; what came with it in one read would be left out as well.
    if (!this.xmpp.streamManagement.enabled) await inTime(managed, "stream management");
    await new Promise(setImmediate);
    if (roster) await this.get(xml("query", "jabber:iq:roster"));
    await this.xmpp.send(xml("presence"));
    await this.expect((s) => s.is("presence") && s.attrs.from === String(this.jid), "own presence");
    return this;
  }

  async logout() {
    await inTime(this.xmpp.stop(), "logout");
  }

  /** Breaks the socket as a lost network does: no stream end, no goodbye. */
  async cut() {
    const gone = new Promise((resolve) => this.xmpp.once("disconnect", resolve));
    const { socket } = this.xmpp;
    (socket.socket ?? socket).destroy();
    await inTime(gone, "the cut");
  }

  async say(to, body, type = "chat") {
    await this.xmpp.send(xml("message", { to: String(to), type, id: crypto.randomUUID() }, xml("body", {}, body)));
  }

  /** Takes the first stanza that is wanted out of the inbox, waiting for it if need be. */
  async expect(wanted, what) {
    let look;
    const found = new Promise((resolve) => {
      look = () => {
        const at = this.inbox.findIndex(wanted);
        if (at < 0) return;
        // Stop looking at the first hit, so that one expectation takes one stanza.
        this.waiting.delete(look);
        resolve(this.inbox.splice(at, 1)[0]);
      };
    });
    this.waiting.add(look);
    look();
    try {
      return await inTime(found, what);
    } catch (error) {
      throw new Error(`${this.jid}: ${error.message}; inbox:\n  ${this.inbox.join("\n  ") || "nothing"}`);
    } finally {
      this.waiting.delete(look);
    }
  }

  expectBody(body) {
    return this.expect((s) => s.is("message") && s.getChildText("body") === body, `message "${body}"`);
  }

  /** Asks, and returns the answer's payload. */
  get(payload, to) {
    return this.xmpp.iqCaller.get(payload, to, PATIENCE_MS);
  }

  set(payload, to) {
    return this.xmpp.iqCaller.set(payload, to, PATIENCE_MS);
  }

  /** What the server handled and sent before this has arrived after it; a message to oneself, see `login`. */
  async roundTrip() {
    const body = crypto.randomUUID();
    await this.say(this.jid, body);
    await this.expectBody(body);
  }
}

export async function inTime(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function check(holds, what) {
  if (!holds) throw new Error(what);
}

export function equal(found, wanted, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  check(left === right, `${what}: ${left} instead of ${right}`);
}

/** Says what holds from here on. */
export function step(text) {
  console.log(`  ${text}`);
}

/** Runs one scenario; the exit code is the verdict. */
export async function run(scenario) {
  try {
    await scenario();
    console.log("passed");
    process.exit(0);
  } catch (error) {
    console.error("FAILED:", error);
    process.exit(1);
  }
}
